import { expect, it } from 'vitest';
import type { FromIsolate, SchemaAnswer, ToIsolate } from '../../src/executors/channel.ts';
import { Isolate } from '../../src/executors/isolate.ts';
import { IsolatedSchemas } from '../../src/executors/isolatedSchemas.ts';
import { limits } from '../../src/index.ts';
import { settled, SimulatedClock } from '../harness.ts';

it('takes answers in any order, each for its own question', async () => {
  const { ask, isolates } = begin();
  const asked = [ask(1), ask(2), ask(3)];
  for (const id of [3, 1, 2]) isolates[0]!.answer(id, taken(id * 10));
  expect(await Promise.all(asked)).toEqual([{ value: 10 }, { value: 20 }, { value: 30 }]);
  expect(isolates).toHaveLength(1);
});

it('asks one that has not answered in time nothing more, and ends it once it owes nothing', async () => {
  const { ask, isolates, clock } = begin();
  const late = failureOf(ask(1));
  await clock.advance(limits.schemaMs - 1);
  const slow = ask(2);
  await clock.advance(1);
  expect(await late).toBe(`no answer within ${limits.schemaMs} ms`);
  expect(isolates[0]!.told).not.toContainEqual({ type: 'stop' });

  const next = ask(3);
  isolates[1]!.load();
  await settled();
  isolates[1]!.answer(3, taken('by the next one'));
  expect(await next).toEqual({ value: 'by the next one' });
  isolates[0]!.answer(1, taken('too late'));
  isolates[0]!.answer(2, taken('in time'));
  expect(await slow).toEqual({ value: 'in time' });
  expect(isolates[0]!.told).toContainEqual({ type: 'stop' });
  expect(isolates[1]!.told).not.toContainEqual({ type: 'stop' });
  expect(clock.pending).toBe(0);
});

it('ends one that never loads its module', async () => {
  const { ask, isolates, clock } = begin();
  isolates[0]!.end('ended with code 5');
  const asked = failureOf(ask(1));
  await clock.advance(limits.schemaMs);
  expect(await asked).toContain('no answer within');
  expect(isolates[1]!.isTerminated).toBe(true);
});

it('gives up what one owes that ends, and opens another one for the next question', async () => {
  const { ask, isolates, clock } = begin();
  const owed = [failureOf(ask(1)), failureOf(ask(2))];
  isolates[0]!.end('ended with code 5');
  expect(await Promise.all(owed)).toEqual([
    'what validates ended with code 5',
    'what validates ended with code 5'
  ]);
  const unfit = failureOf(ask(3));
  isolates[1]!.end('ended with code 6');
  expect(await unfit).toContain('what loads it ended with code 6');
  expect(clock.pending).toBe(0);
});

it('takes no answer that another isolate makes up', async () => {
  const { ask, isolates, open, clock } = begin();
  const asked = ask(1);
  open();
  isolates[1]!.answer(1, taken('forged'));
  isolates[0]!.answer(1, taken('true'));
  isolates[0]!.answer(1, taken('again'));
  expect(await asked).toEqual({ value: 'true' });
  expect(clock.pending).toBe(0);
});

/** The other end of an isolate's line, in the test's hands. */
interface FakeIsolate {
  readonly told: ToIsolate[];
  readonly isTerminated: boolean;
  load(): void;
  answer(id: number, answer: SchemaAnswer): void;
  end(reason: string): void;
}

/** Schemas of one type, with an isolate that has loaded them. */
function begin() {
  const clock = new SimulatedClock();
  const isolates: FakeIsolate[] = [];
  const schemas = new IsolatedSchemas({ clock, open });
  const first = open();
  isolates[0]!.load();
  schemas.begin(['work'], first);
  const ask = (data: unknown) => Promise.resolve(schemas.of('work')!['~standard'].validate(data));
  return { ask, isolates, open, clock };

  function open(): Isolate {
    const setup = { module: 'file:///handlers.js', onDetachedError: 'isolate', parent: 1 } as const;
    const told: ToIsolate[] = [];
    let isTerminated = false;
    let receive!: (message: FromIsolate) => void;
    let end!: (reason: string) => void;
    const isolate = new Isolate(
      (_, listener) => {
        receive = (message) => listener.receive(message);
        end = (reason) => listener.ended(reason);
        return { post: (message) => void told.push(message), terminate: () => (isTerminated = true) };
      },
      setup,
      {
        receive: (from, news) => news.type === 'validated' && schemas.take(from, news.id, news.answer),
        ended: (of, reason) => schemas.ended(of, reason)
      }
    );
    isolates.push({
      told,
      get isTerminated() {
        return isTerminated;
      },
      load: () => receive({ type: 'ready', types: ['work'], schemaTypes: ['work'] }),
      answer: (id, answer) => receive({ type: 'validated', id, answer }),
      end
    });
    return isolate;
  }
}

function taken(value: unknown): SchemaAnswer {
  return { status: 'taken', json: JSON.stringify(value) };
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It did not reject');
}
