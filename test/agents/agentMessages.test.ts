import { createActor } from 'xstate';
import { describe, expect, it } from 'vitest';
import { createFleet, fleetLogic, resolveOptions } from '../../src/createFleet.ts';
import { submitBatchEvent } from '../../src/index.ts';
import { ReadModelFeed } from '../../src/journal/readModelFeed.ts';
import { TurnObservers } from '../../src/journal/turnObserver.ts';
import { countingIds, settled, SimulatedClock } from '../harness.ts';

describe('workers that take one task each', () => {
  it.each([
    ['are told of, each with its end', true, ['worker.stopped', 'worker.spawned']],
    ['are replaced in silence where nobody listens to workers', false, []]
  ])('%s', async (_, isListening, told) => {
    const resolved = resolveOptions({
      clock: new SimulatedClock(),
      newId: countingIds(),
      handlers: { work: () => 1 },
      config: { maxConcurrentWorkers: 1, tasksPerWorker: 1 }
    });
    const fleet = createFleet(resolved, new ReadModelFeed(), {
      hasTaskListeners: () => false,
      hasWorkerListeners: () => isListening,
      onListenerError: () => {},
      observers: new TurnObservers(),
      onReleased: () => {}
    });
    const actor = createActor(fleetLogic(resolved, () => fleet)).start();
    await settled();
    const facts: string[] = [];
    actor.on('*', ({ type }) => facts.push(type));

    actor.send(submitBatchEvent('b', [{ id: 'a', type: 'work', data: null }]));
    await settled();

    expect(facts).toEqual(expect.arrayContaining(['batch.settled', ...told]));
    expect(facts.filter((type) => type.startsWith('worker.'))).toEqual(told);
    expect(fleet.journal.workers.ended.map(({ id }) => id)).toEqual(['worker-1']);
    actor.send({ type: 'fleet.stop' });
    await settled();
  });
});
