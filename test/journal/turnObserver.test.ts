import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { createFleet, fleetLogic, resolveOptions, type FleetOptions } from '../../src/createFleet.ts';
import { StoreError, memoryStore } from '../../src/index.ts';
import { TurnObservers, type ObservedTurn, type TurnObserver } from '../../src/journal/turnObserver.ts';
import { ReadModelFeed } from '../../src/journal/readModelFeed.ts';
import { countingIds, faultyStore, settled, SimulatedClock } from '../harness.ts';

const refusal = new StoreError('ERR_STORE_FULL', 'the disk is full', 'refused');

/** A fleet that runs, with the observers of its turns in the test's hands. */
async function observedFleet(options: FleetOptions, observers: TurnObservers) {
  const clock = new SimulatedClock();
  const resolved = resolveOptions({ clock, random: () => 0.5, newId: countingIds(), ...options });
  const { machine, journal } = createFleet(resolved, new ReadModelFeed(), {
    hasTaskListeners: () => false,
    hasWorkerListeners: () => false,
    onListenerError: () => {},
    observers,
    onReleased: () => {}
  });
  const actor = createActor(fleetLogic(resolved, () => ({ machine, journal }))).start();
  await settled();
  return { actor, clock, journal };
}

const submission = {
  type: 'task.submit',
  task: {
    id: 'a',
    key: 'a',
    retryOf: null,
    type: 'work',
    data: '{"n":1}',
    priority: 5,
    tags: [],
    timeoutMs: null,
    maxRetries: null,
    metadata: null,
    startAfter: null,
    idempotencyKey: null,
    dependsOn: null
  },
  fresh: false
} as const;

function kept(): { readonly observer: TurnObserver; readonly turns: ObservedTurn[] } {
  const turns: ObservedTurn[] = [];
  return { observer: { turnCommitted: (turn) => void turns.push(turn) }, turns };
}

function movesOf(turns: readonly ObservedTurn[]): (string | null)[][] {
  return turns.flatMap(({ steps }) =>
    steps.map(({ event, before, after }) => [event?.type ?? null, before?.state ?? null, after.state])
  );
}

const handlers = { work: () => 1 };

describe('observers of turns', () => {
  it('are told every step of a row, in order, each beginning where the one before ended', async () => {
    const observers = new TurnObservers();
    const { observer, turns } = kept();
    observers.add(observer);
    const { actor } = await observedFleet({ handlers }, observers);
    actor.send(submission);
    await settled();
    expect(movesOf(turns)).toEqual([
      [null, null, 'queued'],
      ['task.claim', 'queued', 'dispatched'],
      ['attempt.started', 'dispatched', 'running'],
      ['attempt.completed', 'running', 'completed']
    ]);
    const steps = turns.flatMap((turn) => turn.steps);
    for (const [index, { before }] of steps.entries()) {
      expect(before).toBe(index === 0 ? null : steps[index - 1]!.after);
    }
    expect(turns.map(({ head }) => head.turn)).toEqual(turns.map((_, index) => turns[0]!.head.turn + index));
  });

  it('are told once a turn is durable, and before its effects leave', async () => {
    const order: string[] = [];
    const inner = memoryStore();
    const store = {
      ...inner,
      commit: async (commit: Parameters<typeof inner.commit>[0]) => {
        await inner.commit(commit);
        if (commit.tasks.length + commit.newTasks.length > 0) order.push('committed');
      }
    };
    const observers = new TurnObservers();
    observers.add({ turnCommitted: () => void order.push('told') });
    const { actor } = await observedFleet(
      { store, handlers: { work: () => void order.push('handler') } },
      observers
    );
    actor.send(submission);
    await settled();
    expect(order).toEqual(['committed', 'told', 'handler', 'committed', 'told']);
  });

  it('are told nothing of a turn that the store refuses, and once of the turn that is taken instead', async () => {
    const { store, next } = faultyStore();
    const observers = new TurnObservers();
    const { observer, turns } = kept();
    observers.add(observer);
    const { actor, clock } = await observedFleet({ store, handlers }, observers);
    // The submission is written, what its attempt came to is not.
    next((write) => write());
    next(() => Promise.reject(refusal));
    actor.send(submission);
    await settled();
    const before = movesOf(turns);
    expect(before.at(-1)).toEqual(['attempt.started', 'dispatched', 'running']);
    await clock.advance(100);
    await settled();
    expect(movesOf(turns).slice(before.length)).toEqual([['attempt.completed', 'running', 'completed']]);
  });

  it('are told once of a commit whose answer was lost', async () => {
    const { store, next } = faultyStore();
    const observers = new TurnObservers();
    const { observer, turns } = kept();
    observers.add(observer);
    const { actor, clock } = await observedFleet({ store, handlers }, observers);
    next(async (write) => {
      await write();
      throw new StoreError('ERR_STORE_IO', 'no answer', 'unknown');
    });
    actor.send(submission);
    await settled();
    await clock.advance(100);
    await settled();
    expect(movesOf(turns).filter(([event]) => event === null)).toHaveLength(1);
    expect(movesOf(turns).at(-1)).toEqual(['attempt.completed', 'running', 'completed']);
  });

  it('cost a turn no steps while there are none', async () => {
    const observers = new TurnObservers();
    const { observer, turns } = kept();
    const ran: string[] = [];
    const { actor } = await observedFleet(
      { handlers: { work: (_, { key }) => void ran.push(key) } },
      observers
    );
    actor.send(submission);
    await settled();
    observers.add(observer);
    actor.send({ ...submission, task: { ...submission.task, key: 'b' } });
    await settled();
    expect(ran).toEqual(['a', 'b']);
    expect(new Set(turns.flatMap(({ steps }) => steps.map(({ after }) => after.context)))).toSatisfy(
      (contexts: Set<{ key?: string }>) => [...contexts].every(({ key }) => key === 'b')
    );
  });

  it('that throw are reported, and disturb neither the others nor the fleet', async () => {
    const reported: unknown[] = [];
    const observers = new TurnObservers((error) => reported.push(error));
    const broken = new Error('broken');
    const { observer, turns } = kept();
    observers.add({
      turnCommitted() {
        throw broken;
      }
    });
    observers.add(observer);
    const { actor } = await observedFleet({ handlers }, observers);
    actor.send(submission);
    await settled();
    expect(movesOf(turns).at(-1)).toEqual(['attempt.completed', 'running', 'completed']);
    expect(reported.length).toBe(turns.length);
    expect(new Set(reported)).toEqual(new Set([broken]));
  });

  it('hear nothing more once they are removed, and one that was added twice hears once more', () => {
    const observers = new TurnObservers();
    const { observer, turns } = kept();
    const turn = { steps: [] } as unknown as ObservedTurn;
    const first = observers.add(observer);
    const second = observers.add(observer);
    observers.turnCommitted(turn);
    expect(turns).toHaveLength(2);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    observers.turnCommitted(turn);
    expect(turns).toHaveLength(3);
    second[Symbol.dispose]();
    expect(observers.isEmpty).toBe(true);
  });
});
