import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FleetManager, ValidationError, type Executor } from '../../src/index.ts';

/** What a schema promises in every executor. @param make - Makes one that runs `schemas.ts`. */
export function describeSchemas(name: string, make: () => Executor): void {
  describe(`${name}: the schema of a handler`, () => {
    let fleet: FleetManager;
    const at = new Date(0);
    const image = { url: 'https://x.test/', at };

    beforeAll(async () => {
      fleet = new FleetManager({ executor: make(), config: { maxConcurrentWorkers: 1, maxRetries: 0 } });
      await fleet.start();
    });
    afterAll(() => fleet.stop());

    it('makes what is stored and what the handler gets, defaults and transforms included', async () => {
      const { key } = await fleet.submitAsync('resize', image);
      const made = { url: image.url, width: 800, at: at.toISOString() };
      expect(await fleet.waitFor(key)).toEqual(made);
      expect((await fleet.getTask(key)).data).toEqual(made);
      expect(await fleet.submit('optional', undefined)).toBe(7);
      expect(await fleet.submit('obey', 'undefined')).toBeNull();
    });

    it('refuses other data by the path of each issue, before anything is written', async () => {
      const tasks = [
        { id: 'a', type: 'resize', data: image },
        { id: 'b', type: 'resize', data: { url: 'nowhere', width: -1, at } }
      ];
      const error = await rejection(fleet.submitBatch(tasks, { batchId: 'refused' }));
      expect(error).toMatchObject({ code: 'ERR_VALIDATION', argument: 'tasks[1].data' });
      expect(error.issues.map(({ path }) => path)).toEqual(['.url', '.width']);
      expect(error.message).toContain('the schema of "resize" takes (.url: Invalid URL; .width: ');
      await expect(fleet.getBatchStatus('refused')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    });

    it('keeps the order of an array, also where it takes its time', async () => {
      const tasks = Array.from({ length: 40 }, (_, n) => ({ id: `${n}`, type: 'double', data: n + 100 }));
      await fleet.submitBatch(tasks, { batchId: 'ordered' });
      await fleet.waitForBatch('ordered');
      const stored = await fleet.listTasks({ batchId: 'ordered', limit: 40 });
      expect(stored.map(({ data }) => data)).toEqual(tasks.map(({ data }) => 2 * data));
    });

    it('tells the first bad task of an array, whichever is found first', async () => {
      const tasks = [1, 13, 'x'].map((data, index) => ({ id: `${index}`, type: 'double', data }));
      expect(await rejection(fleet.submitBatch(tasks))).toMatchObject({
        argument: 'tasks[1].data',
        issues: [{ path: '', message: 'is unlucky' }]
      });
    });

    it('refuses a bad item of a stream by its index', async () => {
      function* items() {
        yield { id: 'a', type: 'double', data: 1 };
        yield { id: 'b', type: 'double', data: 'x' };
      }
      expect((await rejection(fleet.submitBatch(items()))).argument).toBe('tasks[1].data');
    });

    it('is not asked again for a task that is retried', async () => {
      await fleet.submitBatch([{ id: 'a', type: 'measure', data: 'four' }], { batchId: 'b' });
      expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'failed' });
      const again = await fleet.retryBatch('b', { batchId: 'again' });
      expect(await fleet.waitForBatch(again)).toMatchObject({ status: 'completed' });
      expect(await fleet.waitFor(await fleet.retryTask('b/a', { id: 'again-alone' }))).toBe(4);
    });

    it.each<[data: string, told: string]>([
      ['throw', 'it failed: out of order'],
      ['throw a number', 'it failed: 5'],
      ['reject', 'it failed: no luck'],
      ['nothing', 'it failed: '],
      ['no issues', 'it failed: '],
      ['date', 'an object of class Date, not a plain object'],
      ['function', 'JSON'],
      ['symbol', '["Symbol(at)"].b[2]: has a symbol']
    ])('that misbehaves refuses the task: %s', async (data, told) => {
      const error = await rejection(fleet.submitAsync('obey', data));
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.message).toContain(told);
    });

    it('that throws is the cause of the refusal', async () => {
      const { cause } = await rejection(fleet.submitAsync('obey', 'throw'));
      expect(cause).toMatchObject({ name: 'RangeError', message: 'out of\norder', code: 'E_ORDER' });
      expect((cause as Error).stack).toContain('schemas.ts');
    });

    it('is not there for a type without one', async () => {
      expect(await fleet.submit('plain', 'x')).toBe('x');
    });
  });
}

export async function rejection(promise: Promise<unknown>): Promise<ValidationError> {
  try {
    await promise;
  } catch (error) {
    return error as ValidationError;
  }
  throw new Error('It did not reject');
}
