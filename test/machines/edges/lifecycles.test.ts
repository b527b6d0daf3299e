import { describe, expect, it } from 'vitest';
import type { Lifecycle } from '../../../src/ledger/lifecycle.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../../../src/ledger/lifecycles.ts';
import { batchModel } from './batchModel.ts';
import { scheduleModel } from './scheduleModel.ts';
import { taskModel } from './taskModel.ts';

type AnyLifecycle = Lifecycle<string, unknown, unknown, unknown, unknown>;

describe.each([
  { ...taskModel, lifecycle: taskLifecycle as unknown as AnyLifecycle },
  { ...batchModel, lifecycle: batchLifecycle as unknown as AnyLifecycle },
  { ...scheduleModel, lifecycle: scheduleLifecycle as unknown as AnyLifecycle }
])('a row of the ledger takes every edge of the $name machine as an actor does', ({ tests, lifecycle }) => {
  it.each(tests().map((test) => [test.title, test] as const))('%s', async (_, test) => {
    let row = lifecycle.create((test.start as { readonly input: unknown }).input);

    await test.drive({
      events: {
        '*': (event) => {
          row = lifecycle.step(row, event);
        }
      },
      states: {
        '*': ({ value, context, status }) => {
          expect(row).toEqual({ state: value as unknown, context: context as unknown });
          expect(lifecycle.isFinal(row.state)).toBe(status === 'done');
        }
      }
    });
  });
});
