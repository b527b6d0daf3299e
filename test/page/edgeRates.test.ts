import { describe, expect, it } from 'vitest';
import type { FrameEdge } from '../../src/dashboard/frame.ts';
import { edgesOf } from '../../src/page/charts/drawnEdges.ts';
import { EdgeRates } from '../../src/page/charts/edgeRates.ts';
import { frameStart, frameWith } from './frames.ts';

const claim = { machine: 'task', event: 'task.claim', source: 'queued', target: 'dispatched' } as const;

function frameAt(ms: number, claims: number, changes: Partial<Parameters<typeof frameWith>[0]> = {}) {
  const edges: FrameEdge[] = claims === 0 ? [] : [{ ...claim, count: claims }];
  return frameWith({ at: frameStart + ms, transitions: claims, edges, ...changes });
}

describe('the edges that glow', () => {
  it('are those taken in the last second, with how often', () => {
    const rates = new EdgeRates();
    rates.add(frameAt(0, 0));
    expect(rates.add(frameAt(1_000, 20))).toEqual([
      { chart: 'task', event: 'task.claim', source: 'queued', target: 'dispatched', perSecond: 20 }
    ]);
    expect(rates.add(frameAt(2_000, 25))).toMatchObject([{ perSecond: 5 }]);
    expect(rates.add(frameAt(3_000, 25))).toEqual([]);
  });

  it('glow from the first frame that has them, and keep their rate until the next is known', () => {
    const rates = new EdgeRates();
    rates.add(frameAt(0, 0));
    expect(rates.add(frameAt(100, 3))).toMatchObject([{ source: 'queued', perSecond: null }]);
    rates.add(frameAt(1_000, 10));
    expect(rates.add(frameAt(1_100, 10))).toMatchObject([{ perSecond: 10 }]);
  });

  it('are right whatever frames were missed', () => {
    const rates = new EdgeRates();
    rates.add(frameAt(0, 100));
    expect(rates.add(frameAt(10_000, 600))).toMatchObject([{ perSecond: 50 }]);
  });

  it('are none where a fleet has begun anew', () => {
    const rates = new EdgeRates();
    rates.add(frameAt(0, 100));
    rates.add(frameAt(1_000, 200));
    expect(rates.add(frameAt(1_100, 3))).toEqual([]);
    expect(rates.add(frameAt(2_100, 8))).toMatchObject([{ perSecond: 5 }]);
  });

  it('are those of actors too, without a rate: frames do not count what they do', () => {
    const worker = { id: 'w', taskIds: [], tags: [], completed: 0, failed: 0 };
    const rates = new EdgeRates();
    rates.add(
      frameAt(0, 0, { active: { fleet: ['operation.running'] }, workers: [{ ...worker, state: 'idle' }] })
    );
    const taken = rates.add(
      frameAt(100, 0, { active: { fleet: ['operation.paused'] }, workers: [{ ...worker, state: 'busy' }] })
    );
    expect(taken).toMatchObject([
      { chart: 'fleet', source: 'operation.running', target: 'operation.paused', perSecond: null },
      { chart: 'worker', source: 'idle', target: 'busy', perSecond: null }
    ]);
  });
});

describe('the way of a step in a drawing', () => {
  const edge = (source: string, target: string, ...events: string[]) => ({ source, target, events });
  const counted = edge('processing', 'processing', 'tasks.counted');
  const done = edge('processing', 'completed', 'always');
  const failed = edge('running', 'failed', 'attempt.failed');
  const retried = edge('running', 'backingOff', 'attempt.failed', 'attempt.timedOut');
  const paused = edge('operation', 'operation.paused', 'fleet.pause');
  const edges = [counted, done, failed, retried, paused];

  it.each([
    ['is the edge of its event', 'running', 'backingOff', 'attempt.timedOut', [retried]],
    ['is any edge between two states where the event is not known', 'running', 'failed', null, [failed]],
    [
      'goes on where the state that it leads to is left at once',
      'processing',
      'completed',
      'tasks.counted',
      [counted, done]
    ],
    [
      'may begin at the border of a state around',
      'operation.running',
      'operation.paused',
      'fleet.pause',
      [paused]
    ],
    ['is none where the drawing has no such edge', 'queued', 'failed', 'attempt.failed', []]
  ])('%s', (_, source, target, event, wanted) => {
    expect(edgesOf(edges, { source, target, event })).toEqual(wanted);
  });
});
