import { createActor } from 'xstate';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coordinatorMachine, summaryOf, type ResultsAdded } from '../../machines/coordinatorMachine.ts';

describe('coordinatorMachine', () => {
  it('begins with nothing', () => {
    expect(summaryOf(startCoordinator().context())).toEqual({
      totalResults: 0,
      successCount: 0,
      failureCount: 0,
      averageDuration: 0,
      oldestResult: null,
      newestResult: null
    });
  });

  it('adds up the results of its turns', () => {
    const { add, context } = startCoordinator();

    add({ successCount: 2, totalDuration: 30, oldestResult: 20, newestResult: 40, settledSeq: 2 });
    add({ failureCount: 1, totalDuration: 30, oldestResult: 10, newestResult: 30, settledSeq: 3 });

    expect(summaryOf(context())).toEqual({
      totalResults: 3,
      successCount: 2,
      failureCount: 1,
      averageDuration: 20,
      oldestResult: 10,
      newestResult: 40
    });
  });

  it.each([3, 2, 1, 0, -1])(
    'ignores what it counted already: it stands at 3 and is told %d',
    (settledSeq) => {
      const { add, context } = startCoordinator();
      add({ successCount: 3, settledSeq: 3 });
      const before = context();

      add({ successCount: 1, failureCount: 1, settledSeq });

      expect(context()).toEqual(before);
    }
  );

  it('goes on from its last snapshot', () => {
    const first = startCoordinator();
    first.add({ successCount: 3, totalDuration: 30, settledSeq: 3 });
    const second = startCoordinator(first.context());

    second.add({ successCount: 3, totalDuration: 30, settledSeq: 3 });
    second.add({ failureCount: 1, totalDuration: 10, settledSeq: 4 });

    expect(second.context()).toMatchObject({
      successCount: 3,
      failureCount: 1,
      totalDuration: 40,
      settledSeq: 4
    });
  });

  it('counts the same however results are spread over turns, and told again', () => {
    const results = fc.array(fc.record({ success: fc.boolean(), duration: fc.nat(), at: fc.nat() }), {
      minLength: 1
    });
    fc.assert(
      fc.property(results, fc.array(fc.integer({ min: 1, max: 5 })), (all, sizes) => {
        const { add, context } = startCoordinator();
        let end = 0;
        for (const size of [...sizes, all.length]) {
          const turn = all.slice(end, end + size);
          if (turn.length === 0) break;
          end += turn.length;
          add(addedUp(turn, end));
          add(addedUp(turn, end));
        }
        const atOnce = startCoordinator();
        atOnce.add(addedUp(all, all.length));
        expect(context()).toEqual(atOnce.context());
      })
    );
  });

  it('survives a JSON round trip', () => {
    const { coordinator, add } = startCoordinator();
    add({ successCount: 1 });
    const persisted = coordinator.getPersistedSnapshot();

    const copy = JSON.parse(JSON.stringify(persisted)) as typeof persisted;
    expect(copy).toEqual(persisted);
    expect(
      createActor(coordinatorMachine, { input: { restored: null }, snapshot: copy }).getSnapshot().value
    ).toBe('collecting');
  });
});

function addedUp(
  turn: { success: boolean; duration: number; at: number }[],
  settledSeq: number
): ResultsAdded {
  const successCount = turn.filter(({ success }) => success).length;
  return {
    successCount,
    failureCount: turn.length - successCount,
    totalDuration: turn.reduce((sum, { duration }) => sum + duration, 0),
    oldestResult: Math.min(...turn.map(({ at }) => at)),
    newestResult: Math.max(...turn.map(({ at }) => at)),
    settledSeq
  };
}

function startCoordinator(restored: Parameters<typeof summaryOf>[0] | null = null) {
  const coordinator = createActor(coordinatorMachine, { input: { restored } });
  coordinator.start();
  return {
    coordinator,
    context: () => coordinator.getSnapshot().context,
    add: (results: Partial<ResultsAdded>) => {
      coordinator.send({
        type: 'results.added',
        successCount: 0,
        failureCount: 0,
        totalDuration: 0,
        oldestResult: 1,
        newestResult: 1,
        settledSeq: 1,
        ...results
      });
    }
  };
}
