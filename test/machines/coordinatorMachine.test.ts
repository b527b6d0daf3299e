import { createActor } from 'xstate';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  coordinatorMachine,
  defaultHealthPolicy,
  healthOf,
  summaryOf,
  type HealthFact,
  type HealthPolicy,
  type ResultsAdded
} from '../../machines/coordinatorMachine.ts';
import { outcomesOf } from '../../machines/outcomes.ts';

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
    ).toEqual({ health: 'healthy', intake: 'collecting' });
  });
});

describe('the health', () => {
  const policy: HealthPolicy = { window: 10, minResults: 4, degradeBelow: 50, recoverAt: 80 };

  it.each<[outcomes: string[], facts: HealthFact['type'][]]>([
    [[''], []],
    [['---'], []],
    [['----'], ['coordinator.degraded']],
    [['++--'], []],
    [['+++++', '------'], ['coordinator.degraded']],
    [['----', '++++'], ['coordinator.degraded']],
    [['----', '++++++', '+'], ['coordinator.degraded']],
    [
      ['----', '++++++++'],
      ['coordinator.degraded', 'coordinator.recovered']
    ],
    [
      ['----', '+++++++++', '------', '++++++++++'],
      ['coordinator.degraded', 'coordinator.recovered', 'coordinator.degraded', 'coordinator.recovered']
    ]
  ])('after %j tells %j', (turns, facts) => {
    const { tell, told } = watched();
    for (const outcomes of turns) tell(outcomes);
    expect(told.map(({ type }) => type)).toEqual(facts);
  });

  it('is what the last results of the window were', () => {
    const { tell, context, told } = watched();
    tell('+++++');
    tell('--------');

    expect(healthOf(context())).toEqual({ status: 'degraded', successRate: 20, results: 10, degradedAt: 7 });
    expect(told).toEqual([{ type: 'coordinator.degraded', successRate: 20, results: 10 }]);
  });

  it('follows a policy that is changed', () => {
    const { tell, told } = watched();
    tell('++++----++');
    tell('+', { ...policy, degradeBelow: 70, recoverAt: 90 });
    tell('+', policy);
    expect(told.map(({ type }) => type)).toEqual(['coordinator.degraded']);
    tell('', { ...policy, recoverAt: 60 });
    expect(told.map(({ type }) => type)).toEqual(['coordinator.degraded', 'coordinator.recovered']);
  });

  it('goes on as it was left', () => {
    const first = watched();
    first.tell('----');
    const second = watched(first.context());

    expect(second.coordinator.getSnapshot().value).toMatchObject({ health: 'degraded' });
    second.tell('----');
    expect(second.told).toEqual([]);
    second.tell('++++++++++');
    expect(second.told).toMatchObject([{ type: 'coordinator.recovered' }]);
  });

  it('leaves out what was cancelled, and looks at no more than its widest window', () => {
    expect(
      outcomesOf([
        { status: 'completed' },
        { status: 'cancelled' },
        { status: 'failed' },
        { status: 'timedOut' }
      ])
    ).toBe('+--');
    expect(outcomesOf(Array.from({ length: 4_000 }, () => ({ status: 'failed' as const })))).toHaveLength(
      1_000
    );
  });

  function watched(restored: Parameters<typeof summaryOf>[0] | null = null) {
    const started = startCoordinator(restored);
    const told: HealthFact[] = [];
    started.coordinator.on('*', (fact) => told.push(fact));
    let settledSeq = restored?.settledSeq ?? 0;
    const tell = (outcomes: string, health = policy): void => {
      settledSeq += 10;
      started.add({ outcomes, health, settledSeq, at: 7 });
    };
    return { ...started, told, tell };
  }
});

describe('clearing', () => {
  it('begins anew, and ends when what was cleared is removed', () => {
    const { coordinator, add, context } = startCoordinator();
    add({ successCount: 3, totalDuration: 9, settledSeq: 3, outcomes: '+++' });

    coordinator.send({ type: 'results.clear' });
    expect(coordinator.getSnapshot().value).toMatchObject({ intake: 'clearing' });
    expect(summaryOf(context())).toMatchObject({ totalResults: 0, oldestResult: null, averageDuration: 0 });
    expect(context()).toMatchObject({ settledSeq: 3, clearedSeq: 3, recent: '+++' });

    add({ failureCount: 1, settledSeq: 4 });
    expect(summaryOf(context())).toMatchObject({ totalResults: 1 });

    coordinator.send({ type: 'results.removed', upToSettledSeq: 3 });
    expect(coordinator.getSnapshot().value).toMatchObject({ intake: 'collecting' });
  });

  it('goes on when it was cleared again meanwhile', () => {
    const { coordinator, add } = startCoordinator();
    add({ successCount: 3, settledSeq: 3 });
    coordinator.send({ type: 'results.clear' });
    add({ successCount: 3, settledSeq: 6 });
    coordinator.send({ type: 'results.clear' });

    coordinator.send({ type: 'results.removed', upToSettledSeq: 3 });
    expect(coordinator.getSnapshot().value).toMatchObject({ intake: 'clearing' });
    coordinator.send({ type: 'results.removed', upToSettledSeq: 6 });
    expect(coordinator.getSnapshot().value).toMatchObject({ intake: 'collecting' });
  });

  it('goes on after a restart', () => {
    const { coordinator, add, context } = startCoordinator();
    add({ successCount: 3, settledSeq: 3 });
    coordinator.send({ type: 'results.clear' });
    const restarted = startCoordinator(context());

    expect(restarted.coordinator.getSnapshot().value).toMatchObject({ intake: 'clearing' });
    restarted.coordinator.send({ type: 'results.removed', upToSettledSeq: 3 });
    expect(restarted.coordinator.getSnapshot().value).toMatchObject({ intake: 'collecting' });
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
    settledSeq,
    outcomes: outcomesOf(turn.map(({ success }) => ({ status: success ? 'completed' : 'failed' }))),
    health: { ...defaultHealthPolicy, degradeBelow: 0 },
    at: 1
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
        outcomes: '',
        health: defaultHealthPolicy,
        at: 1,
        ...results
      });
    }
  };
}
