import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FleetManager, ValidationError, type FleetManagerOptions } from '../../src/index.ts';
import { factLevels, settledLevels } from '../../src/logging/logLevels.ts';
import { settled, startFleet } from '../harness.ts';

type Record_ = readonly [level: string, message: string, fields: Record<string, unknown>];

/** A logger that keeps what it gets, of levels from one on. */
function keepingLogger(lowest: 'debug' | 'info' | 'warn' = 'debug') {
  const levels = ['debug', 'info', 'warn', 'error'];
  const records: Record_[] = [];
  const take = (level: string) => (fields: object, message: string) =>
    void records.push([level, message, fields as Record<string, unknown>]);
  const logger = {
    debug: take('debug'),
    info: take('info'),
    warn: take('warn'),
    error: take('error'),
    isLevelEnabled: (level: string) => levels.indexOf(level) >= levels.indexOf(lowest)
  };
  return { records, logger, of: (message: string) => records.filter(([, text]) => text === message) };
}

const failing = {
  fail: () => {
    throw Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
  },
  work: (n: number) => n
};

describe('a logger', () => {
  it('hears what happens, with the fields that say to whom', async () => {
    const { logger, records, of } = keepingLogger();
    const { fleet, clock } = await startFleet({ logger, handlers: failing, config: { maxRetries: 1 } });
    const tasks = [
      { id: 'a', type: 'fail' as const, data: null },
      { id: 'b', type: 'work' as const, data: 1 }
    ];
    await fleet.submitBatch(tasks, { batchId: 'x' });
    await settled();
    await clock.advance(100);
    await fleet.waitForBatch('x');
    await fleet.stop();
    expect(of('fleet started')).toEqual([['info', 'fleet started', { fleet: 'test', tasks: 0 }]]);
    expect(of('batch accepted')[0]).toEqual([
      'info',
      'batch accepted',
      { fleet: 'test', batchId: 'x', totalTasks: 2 }
    ]);
    const err = {
      type: 'Error',
      message: 'no route',
      code: 'EHOSTUNREACH',
      stack: expect.any(String) as string
    };
    expect(of('task retrying')).toEqual([
      [
        'debug',
        'task retrying',
        { fleet: 'test', batchId: 'x', taskId: 'a', attempt: 1, retryAt: expect.any(Number) as number, err }
      ]
    ]);
    expect(of('task failed')).toEqual([
      [
        'warn',
        'task failed',
        {
          fleet: 'test',
          batchId: 'x',
          taskId: 'a',
          type: 'fail',
          attempt: 2,
          workerId: expect.any(String) as string,
          status: 'failed',
          durationMs: 0,
          err
        }
      ]
    ]);
    expect(of('task completed')[0]![0]).toBe('debug');
    expect(of('batch settled')).toEqual([
      ['warn', 'batch settled', { fleet: 'test', batchId: 'x', status: 'partial' }]
    ]);
    expect(records.at(-1)!.slice(0, 2)).toEqual(['info', 'fleet stopped']);
  });

  it('gets no record of a level that it does not want', async () => {
    const { logger, records } = keepingLogger('warn');
    const { fleet } = await startFleet({ logger, handlers: failing, config: { maxRetries: 0 } });
    await fleet.submit('work', 1);
    await expect(fleet.submit('fail', null)).rejects.toThrow('no route');
    await fleet.stop();
    expect(records.map(([level, message]) => [level, message])).toEqual([['warn', 'task failed']]);
  });

  it('has turns tell of single tasks only where it wants each of them', async () => {
    const quiet = await startFleet({ logger: keepingLogger('info').logger, handlers: failing });
    const told: unknown[] = [];
    const telling = quiet.fleet.actor.on('task.settled', (fact) => told.push(fact));
    await quiet.fleet.submit('work', 1);
    expect(told).toEqual([]);
    telling.unsubscribe();
    await quiet.fleet.stop();
  });

  it('gets no more records of tasks in a second than it may, and the number of those left out', async () => {
    const { logger, of } = keepingLogger('warn');
    const options = { logger, logRate: 10, handlers: failing, config: { maxRetries: 0 } };
    const { fleet, clock } = await startFleet(options);
    const tasks = Array.from({ length: 500 }, (_, n) => ({ id: `${n}`, type: 'fail' as const, data: null }));
    await fleet.waitForBatch(await fleet.submitBatch(tasks));
    expect(of('task failed')).toHaveLength(10);
    await clock.advance(1_000);
    await expect(fleet.submit('fail', null)).rejects.toThrow('no route');
    expect(of('task failed').at(-1)![2]['suppressed']).toBe(490);
    await fleet.waitForBatch(await fleet.submitBatch(tasks));
    await fleet.stop();
    expect(of('records were left out').map(([level, , fields]) => [level, fields['suppressed']])).toEqual([
      ['warn', 491]
    ]);
  });

  it('gets all of them where it asks for all', async () => {
    const { logger, of } = keepingLogger('warn');
    const options = { logger, logRate: Infinity, handlers: failing, config: { maxRetries: 0 } };
    const { fleet } = await startFleet(options);
    const tasks = Array.from({ length: 500 }, (_, n) => ({ id: `${n}`, type: 'fail' as const, data: null }));
    await fleet.waitForBatch(await fleet.submitBatch(tasks));
    await fleet.stop();
    expect(of('task failed')).toHaveLength(500);
  });

  it('disturbs nobody when it throws', async () => {
    const errors: unknown[] = [];
    const { logger } = keepingLogger();
    const broken = {
      ...logger,
      info: () => {
        throw new Error('disk full');
      }
    };
    const { fleet } = await startFleet({
      logger: broken,
      handlers: failing,
      onListenerError: (error) => errors.push(error)
    });
    expect(await fleet.submit('work', 3)).toBe(3);
    await fleet.stop();
    expect(errors.length).toBeGreaterThan(0);
  });

  it.each<[options: FleetManagerOptions, argument: string]>([
    [{ logger: {} as never }, 'options.logger'],
    [{ logRate: 5 }, 'options.logRate'],
    [{ logger: keepingLogger().logger, logRate: -1 }, 'options.logRate']
  ])('is refused as %o, by the name of the option', (options, argument) => {
    expect(() => new FleetManager({ handlers: {}, ...options })).toThrow(ValidationError);
    expect(() => new FleetManager({ handlers: {}, ...options })).toThrow(argument);
  });
});

describe('the table of records', () => {
  const page = readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8');
  const facts = Object.entries(factLevels).flatMap(([type, level]) =>
    level === null ? [] : [[type.replace('.', ' '), level] as const]
  );
  const ends = Object.entries(settledLevels).map(([status, level]) => [`task ${status}`, level] as const);

  it.each([...facts, ...ends])('has "%s" at its level, %s', (message, level) => {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${message}\` |`));
    expect(row).toMatch(new RegExp(`^\\| \`${message}\` \\| ${level}\\b`));
  });
});
