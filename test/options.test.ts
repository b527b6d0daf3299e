import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultAutoscale, defaultFleetConfig, type Autoscale } from '../machines/fleetConfig.ts';
import { ValidationError } from '../src/errors.ts';
import { resolveConfig, validateConfig, type ConfigPatch } from '../src/options.ts';

describe('resolveConfig', () => {
  it('fills in the defaults', () => {
    expect(resolveConfig({})).toEqual(defaultFleetConfig);
    expect(resolveConfig({ maxRetries: 0 })).toEqual({ ...defaultFleetConfig, maxRetries: 0 });
  });

  it('takes a part of the retry policy', () => {
    expect(resolveConfig({ retry: { baseMs: 7 } }).retry).toEqual({ ...defaultFleetConfig.retry, baseMs: 7 });
  });

  it('takes a field that is undefined for one that is absent', () => {
    expect(resolveConfig({ maxRetries: undefined } as never)).toEqual(defaultFleetConfig);
    expect(resolveConfig({ retry: undefined } as never)).toEqual(defaultFleetConfig);
    expect(resolveConfig({ retry: { baseMs: undefined } } as never)).toEqual(defaultFleetConfig);
  });

  it('takes a part of the retention, and Infinity for no limit', () => {
    const current = { ...defaultFleetConfig, retention: { maxAgeMs: 5, maxBatches: 7, maxResults: 9 } };
    expect(validateConfig({ retention: { maxAgeMs: Infinity } }, current)).toEqual({
      retention: { maxAgeMs: null, maxBatches: 7, maxResults: 9 }
    });
  });

  it('takes a part of the autoscaling, which has its limits to name at first, and begins with the least', () => {
    const autoscale = { ...defaultAutoscale, minWorkers: 2, maxWorkers: 7 };
    const config = resolveConfig({ autoscale: { minWorkers: 2, maxWorkers: 7 } });
    expect(config).toEqual({ ...defaultFleetConfig, autoscale, maxConcurrentWorkers: 2 });
    expect(validateConfig({ autoscale: { maxWorkers: 9, cooldownMs: undefined } } as never, config)).toEqual({
      autoscale: { ...autoscale, maxWorkers: 9 }
    });
    expect(validateConfig({ autoscale: null }, config)).toEqual({ autoscale: null });
    expect(resolveConfig({ autoscale, maxConcurrentWorkers: 5 }).maxConcurrentWorkers).toBe(5);
  });

  it.each<[argument: string, autoscale: object]>([
    ['minWorkers', {}],
    ['maxWorkers', { minWorkers: 1 }],
    ['maxWorkers', { minWorkers: 5, maxWorkers: 4 }],
    ['scaleDownThreshold', { minWorkers: 1, maxWorkers: 4, scaleUpThreshold: 1 }],
    ['scaleDownThreshold', { minWorkers: 1, maxWorkers: 4, scaleDownThreshold: 11 }],
    ['pollMs', { minWorkers: 1, maxWorkers: 4, pollMs: 1 }]
  ])('refuses, by %s, the autoscaling %j', (argument, autoscale) => {
    expect(refusal(() => resolveConfig({ autoscale })).argument).toBe(`config.autoscale.${argument}`);
  });

  it.each<[field: keyof Autoscale, good: number[], bad: unknown[]]>([
    ['minWorkers', [1, 4], [0, -1, 1.5, Number.NaN, '1', null, 100_001]],
    ['maxWorkers', [4, 100_000], [0, 100_001, Infinity, '4', null]],
    ['scaleUpThreshold', [2, 2 ** 53 - 1], [-1, 2.5, Infinity, null]],
    ['scaleDownThreshold', [0, 10], [-1, 0.5, Infinity, null]],
    ['intervalMs', [1, 60_000], [0, 0.5, -1, Infinity, '1s', null]],
    ['cooldownMs', [0, 60_000], [-1, Infinity, Number.NaN, null]]
  ])('takes the bounds of autoscale.%s, and nothing beyond', (field, good, bad) => {
    const base = { minWorkers: 1, maxWorkers: 4 };
    for (const value of good) {
      expect(resolveConfig({ autoscale: { ...base, [field]: value } }).autoscale).toMatchObject({
        [field]: value
      });
    }
    for (const value of bad) {
      const refused = refusal(() => resolveConfig({ autoscale: { ...base, [field]: value } as never }));
      expect(refused.argument).toBe(`config.autoscale.${field}`);
    }
  });

  it('is plain JSON, whatever was given', () => {
    const config = resolveConfig({ tasksPerWorker: Infinity, maxQueueSize: Infinity, maxStuck: null });
    expect(config).toMatchObject({ tasksPerWorker: null, maxQueueSize: null, maxStuck: null });
    expect(JSON.parse(JSON.stringify(config))).toEqual(config);
  });

  it.each<[field: string, patches: object[]]>([
    ['maxConcurrentWorkers', [{ maxConcurrentWorkers: 1 }, { maxConcurrentWorkers: 100_000 }]],
    ['workerConcurrency', [{ workerConcurrency: 1 }, { workerConcurrency: 100_000 }]],
    [
      'tasksPerWorker',
      [{ tasksPerWorker: 1 }, { tasksPerWorker: Number.MAX_SAFE_INTEGER }, { tasksPerWorker: null }]
    ],
    [
      'workerTimeout',
      [{ workerTimeout: 1e-9 }, { workerTimeout: 2 ** 31 }, { workerTimeout: Number.MAX_SAFE_INTEGER }]
    ],
    ['retryFailedTasks', [{ retryFailedTasks: false }]],
    ['maxRetries', [{ maxRetries: 0 }, { maxRetries: 1_000_000 }]],
    ['maxRecoveries', [{ maxRecoveries: 0 }, { maxRecoveries: 1_000_000 }]],
    ['cancelGraceMs', [{ cancelGraceMs: 0 }, { cancelGraceMs: 2 ** 31 }]],
    ['maxStuck', [{ maxStuck: 0 }, { maxStuck: 100_000 }]],
    ['heartbeatMs', [{ heartbeatMs: 1 }, { heartbeatMs: 2 ** 40, heartbeatTimeoutMs: 2 ** 42 }]],
    ['heartbeatTimeoutMs', [{ heartbeatTimeoutMs: 10_001 }, { heartbeatTimeoutMs: Number.MAX_SAFE_INTEGER }]],
    ['maxQueueSize', [{ maxQueueSize: 1 }, { maxQueueSize: Number.MAX_SAFE_INTEGER }]],
    ['onQueueFull', [{ onQueueFull: 'wait' }, { onQueueFull: 'reject' }]],
    [
      'retention.maxAgeMs',
      [{ retention: { maxAgeMs: 0 } }, { retention: { maxAgeMs: Number.MAX_SAFE_INTEGER } }]
    ],
    [
      'retention.maxBatches',
      [{ retention: { maxBatches: 0 } }, { retention: { maxBatches: Number.MAX_SAFE_INTEGER } }]
    ],
    [
      'retention.maxResults',
      [{ retention: { maxResults: 0 } }, { retention: { maxResults: Number.MAX_SAFE_INTEGER } }]
    ],
    ['health.window', [{ health: { window: 20 } }, { health: { window: 1_000 } }]],
    ['health.minResults', [{ health: { minResults: 1 } }, { health: { minResults: 100 } }]],
    ['health.degradeBelow', [{ health: { degradeBelow: 0 } }, { health: { degradeBelow: 80 } }]],
    ['health.recoverAt', [{ health: { recoverAt: 50 } }, { health: { recoverAt: 100 } }]],
    ['retry.baseMs', [{ retry: { baseMs: 0 } }, { retry: { baseMs: 60_000 } }]],
    ['retry.maxMs', [{ retry: { maxMs: 1_000 } }, { retry: { maxMs: Number.MAX_SAFE_INTEGER } }]],
    ['retry.factor', [{ retry: { factor: 1 } }, { retry: { factor: 1e308 } }]],
    ['retry.jitter', [{ retry: { jitter: 'none' } }, { retry: { jitter: 'equal' } }]]
  ])('takes the bounds of %s', (_, patches) => {
    for (const patch of patches) expect(resolveConfig(patch)).toMatchObject(patch);
  });

  const notPositive = [0, -1, 1.5, 1e9, Number.NaN, Infinity, '5', null, 5n, true, [], {}];
  const notWhole = [-1, 0.5, 1e9, Number.NaN, Infinity, -Infinity, '5', null, 5n];
  const notDuration = [-1, Number.NaN, Infinity, -Infinity, 2 ** 53, 1e308, '10s', null, 5n, new Date(0)];
  const bad: [field: string, values: unknown[]][] = [
    ['maxConcurrentWorkers', notPositive],
    ['workerConcurrency', notPositive],
    ['tasksPerWorker', [0, -1, 1.5, Number.NaN, -Infinity, 2 ** 53, '5']],
    ['workerTimeout', [0, -0, ...notDuration]],
    ['retryFailedTasks', [0, 1, 'false', null]],
    ['maxRetries', notWhole],
    ['maxRecoveries', notWhole],
    ['cancelGraceMs', notDuration],
    ['maxStuck', [-1, 1.5, 1e9, Infinity, Number.NaN, '5']],
    ['heartbeatMs', [0, 0.5, ...notDuration]],
    ['heartbeatTimeoutMs', [0, 0.5, 10_000, ...notDuration]],
    ['maxQueueSize', [0, -1, 1.5, Number.NaN, -Infinity, '5']],
    ['workerGroups', [null, 5, {}, 'gpu', Array.from({ length: 1_001 }, () => ({ tags: [], workers: 1 }))]],
    ['ageingMs', [0, 0.5, -1, Number.NaN, Infinity, 2 ** 53, '1m', 5n, true]],
    [
      'typeLimits',
      [null, 5, 'slow', [], Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [i, {}]))]
    ],
    ['onQueueFull', ['drop', '', null, 1, ['wait'], 'constructor']],
    ['retry', [null, 5, 'fast', [], true]],
    ['retention', [null, 5, 'short', [], true]],
    ['autoscale', [5, 'up', [], true, () => 1]],
    ['retention.maxAgeMs', [-1, Number.NaN, -Infinity, 2 ** 53, '1h', 5n, true]],
    ['retention.maxResults', [-1, 0.5, Number.NaN, -Infinity, 2 ** 53, '5', 5n, true]],
    ['health', [null, 5, 'good', [], true]],
    ['health.window', [0, 1_001, 0.5, Number.NaN, '9', null]],
    ['health.minResults', [0, 101, 0.5, Number.NaN, '9', null]],
    ['health.degradeBelow', [-1, 100.5, Number.NaN, '9', null]],
    ['health.recoverAt', [49, 100.5, Number.NaN, Infinity, '9', null]],
    ['retention.maxBatches', [-1, 0.5, Number.NaN, -Infinity, 2 ** 53, '5', 5n, true]],
    ['retry.baseMs', notDuration],
    ['retry.maxMs', notDuration],
    ['retry.factor', [0, 0.5, 0.999, -2, Number.NaN, Infinity, '2', null]],
    ['retry.jitter', ['some', '', null, true, 'toString']]
  ];

  it.each(bad.flatMap(([field, values]) => values.map((value) => [field, value] as const)))(
    'refuses %s: %o',
    (field, value) => {
      const [outer, inner] = field.split('.') as [string, string?];
      const refused = refusal(() =>
        resolveConfig({ [outer]: inner === undefined ? value : { [inner]: value } })
      );
      expect(refused.argument).toBe(`config.${field}`);
      expect(refused.message).toContain(`config.${field} is ${refused.value}; it must be ${refused.allowed}`);
    }
  );

  it.each<[what: string, patch: unknown, argument: string]>([
    ['a group without workers', { workerGroups: [{ tags: [] }] }, 'workerGroups[0].workers'],
    ['a group of none', { workerGroups: [{ tags: ['a'], workers: 0 }] }, 'workerGroups[0].workers'],
    ['a group of too many', { workerGroups: [{ tags: ['a'], workers: 100_001 }] }, 'workerGroups[0].workers'],
    ['a group without tags', { workerGroups: [{ workers: 1 }] }, 'workerGroups[0].tags'],
    ['a tag twice', { workerGroups: [{ tags: ['a', 'a'], workers: 1 }] }, 'workerGroups[0].tags[1]'],
    ['a group that is none', { workerGroups: [{ tags: [], workers: 1 }, null] }, 'workerGroups[1]'],
    ['a blank type', { typeLimits: { ' ': {} } }, 'typeLimits'],
    ['a limit that is none', { typeLimits: { slow: 3 } }, 'typeLimits.slow'],
    ['a concurrency of 0', { typeLimits: { slow: { concurrency: 0 } } }, 'typeLimits.slow.concurrency'],
    ['a broken concurrency', { typeLimits: { slow: { concurrency: 1.5 } } }, 'typeLimits.slow.concurrency'],
    ['a rate that is none', { typeLimits: { slow: { rate: 5 } } }, 'typeLimits.slow.rate'],
    ['half a rate', { typeLimits: { slow: { rate: { limit: 5 } } } }, 'typeLimits.slow.rate.intervalMs'],
    [
      'a rate of 0',
      { typeLimits: { slow: { rate: { limit: 0, intervalMs: 1 } } } },
      'typeLimits.slow.rate.limit'
    ],
    [
      'no interval',
      { typeLimits: { slow: { rate: { limit: 1, intervalMs: 0 } } } },
      'typeLimits.slow.rate.intervalMs'
    ],
    [
      'an interval of over an hour',
      { typeLimits: { slow: { rate: { limit: 1, intervalMs: 3_600_001 } } } },
      'typeLimits.slow.rate.intervalMs'
    ],
    [
      'the interval of for ever',
      { typeLimits: { slow: { rate: { limit: 1, intervalMs: Infinity } } } },
      'typeLimits.slow.rate.intervalMs'
    ],
    ['a misspelt limit', { typeLimits: { slow: { max: 1 } } }, 'typeLimits.slow.max']
  ])('refuses %s', (_, patch, argument) => {
    expect(refusal(() => resolveConfig(patch as ConfigPatch)).argument).toContain(`config.${argument}`);
  });

  it('takes groups, ages and limits, with their fields in one order', () => {
    const patch = {
      workerGroups: [{ workers: 100_000, tags: ['ssd', 'gpu'] }],
      ageingMs: null,
      typeLimits: {
        slow: { rate: { intervalMs: 3_600_000, limit: 100_000 }, concurrency: 1 },
        constructor: {}
      }
    };
    expect(JSON.stringify(resolveConfig(patch).workerGroups)).toBe(
      '[{"tags":["gpu","ssd"],"workers":100000}]'
    );
    expect(JSON.stringify(resolveConfig(patch).typeLimits)).toBe(
      '{"slow":{"concurrency":1,"rate":{"limit":100000,"intervalMs":3600000}},"constructor":{}}'
    );
    expect(resolveConfig(patch).ageingMs).toBeNull();
    expect(resolveConfig({ ageingMs: 1 }).ageingMs).toBe(1);
  });

  it('refuses a longest backoff that is shorter than the first', () => {
    const refused = refusal(() => resolveConfig({ retry: { baseMs: 100, maxMs: 99 } }));
    expect(refused.argument).toBe('config.retry.maxMs');
    expect(refused.allowed).toContain('100');
    expect(refusal(() => resolveConfig({ retry: { baseMs: 60_001 } })).argument).toBe('config.retry.maxMs');
  });

  it('refuses a heartbeat timeout that leaves an unresponsive worker no time', () => {
    const refused = refusal(() => resolveConfig({ heartbeatMs: 15_000 }));
    expect(refused.argument).toBe('config.heartbeatTimeoutMs');
    expect(refused.allowed).toBe('more than twice heartbeatMs, which is 15000');
    const current = resolveConfig({ heartbeatMs: 100, heartbeatTimeoutMs: 300 });
    expect(refusal(() => validateConfig({ heartbeatMs: 150 }, current)).argument).toBe(
      'config.heartbeatTimeoutMs'
    );
    expect(validateConfig({ heartbeatMs: 149 }, current)).toEqual({ heartbeatMs: 149 });
  });

  it.each<[what: string, patch: unknown, path: string]>([
    ['a misspelt field', { maxWorkers: 3 }, '.maxWorkers'],
    ['a misspelt field of the retry policy', { retry: { base: 3 } }, '.retry.base'],
    ['a misspelt field of retention', { retention: { maxAge: 3 } }, '.retention.maxAge'],
    ['a field with a line end', { 'max\nWorkers': 3 }, String.raw`["max\nWorkers"]`],
    ['__proto__ as a field', JSON.parse('{"__proto__":{"maxRetries":9}}'), '.__proto__'],
    [
      '__proto__ as a field of the retry policy',
      JSON.parse('{"retry":{"__proto__":{}}}'),
      '.retry.__proto__'
    ],
    ['constructor as a field', { constructor: 1 }, '.constructor']
  ])('refuses %s, and names it', (_, patch, path) => {
    const { message } = refusal(() => resolveConfig(patch as ConfigPatch));
    expect(message).toContain(`config${path} is no known field; it must be one of `);
    expect(({} as { maxRetries?: number }).maxRetries).toBeUndefined();
  });

  it.each([null, undefined, 5, 'fast', true, [], () => 1])('refuses %o for a config', (patch) => {
    expect(refusal(() => resolveConfig(patch as never)).argument).toBe('config');
  });

  it('gives a valid config or a ValidationError, for anything', () => {
    const field = fc.constantFrom(...Object.keys(defaultFleetConfig));
    fc.assert(
      fc.property(
        fc.dictionary(field, fc.anything({ withBigInt: true, withNullPrototype: true })),
        (patch) => {
          const config = attempt(() => resolveConfig(patch));
          expect(config === null || isEqual(resolveConfig(config), config)).toBe(true);
        }
      ),
      { numRuns: 300 }
    );
  });
});

describe('validateConfig', () => {
  it('gives back what changes, and nothing else', () => {
    expect(validateConfig({ maxRetries: 9 }, defaultFleetConfig)).toEqual({ maxRetries: 9 });
    expect(validateConfig({}, defaultFleetConfig)).toEqual({});
  });

  it('checks a part of the retry policy against what holds now', () => {
    const current = resolveConfig({ retry: { baseMs: 500, maxMs: 600, factor: 3 } });
    expect(validateConfig({ retry: { maxMs: 550 } }, current)).toEqual({
      retry: { ...current.retry, maxMs: 550 }
    });
    expect(refusal(() => validateConfig({ retry: { maxMs: 499 } }, current)).argument).toBe(
      'config.retry.maxMs'
    );
  });

  it('changes neither the patch nor what holds now', () => {
    const current = Object.freeze(resolveConfig({}));
    const patch = Object.freeze({ retry: Object.freeze({ baseMs: 1 }), tasksPerWorker: Infinity });
    validateConfig(patch, current);
    expect(patch).toEqual({ retry: { baseMs: 1 }, tasksPerWorker: Infinity });
  });
});

function refusal(call: () => unknown): ValidationError {
  try {
    call();
  } catch (error) {
    if (error instanceof ValidationError) return error;
    throw error;
  }
  throw new Error('It was not refused');
}

/** `null`: it was refused. */
function attempt<T>(call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (error instanceof ValidationError) return null;
    throw error;
  }
}

function isEqual(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
