import { describe, expect, it } from 'vitest';
import {
  CoordinatorAgent,
  createAgentRegistry,
  FleetManager,
  memoryStore,
  systemClock,
  TaskQueue,
  type ValidationError,
  WorkerAgent,
  WorkerPool,
  WorkerRegistry
} from '../../src/index.ts';
import { unreadable } from '../hostileValues.ts';

class Worker extends WorkerAgent {}

/** What takes which ports. */
const takers: [name: string, make: (options: never) => unknown, ports: string[]][] = [
  [
    'FleetManager',
    (options) => new FleetManager(options),
    ['store', 'clock', 'executor', 'random', 'newId', 'shouldRetry', 'inspect', 'logger', 'onListenerError']
  ],
  [
    'CoordinatorAgent',
    (options) => new CoordinatorAgent(options),
    ['store', 'clock', 'inspect', 'onListenerError']
  ],
  ['TaskQueue', (options) => new TaskQueue(options), ['store', 'clock', 'random', 'newId', 'shouldRetry']],
  ['WorkerPool', (options) => new WorkerPool(options), ['store', 'clock', 'random', 'newId', 'shouldRetry']],
  ['WorkerRegistry', (options) => new WorkerRegistry(options), ['clock']],
  ['WorkerAgent', (options: object) => new Worker({ id: 'w', ...options }), ['clock', 'shouldRetry']],
  ['createAgentRegistry', (options) => createAgentRegistry({}, options), ['store']]
];

describe.each(takers)('%s', (_, make, ports) => {
  const wrong = [5, 'fleet.db', null, {}, [], unreadable()];
  it.each(ports.flatMap((port) => wrong.map((value) => ({ port, value }))))(
    'refuses, by its name, a $port that is none',
    ({ port, value }) => {
      const refused: unknown = expect.objectContaining({
        code: 'ERR_VALIDATION',
        argument: `options.${port}`
      });
      expect(() => make({ [port]: value } as never)).toThrow(refused as ValidationError);
    }
  );
});

it('says what a store lacks, and where to get one', () => {
  const { open: _, ...rest } = memoryStore();
  expect(() => new FleetManager({ store: rest as never })).toThrow(
    /sqliteStore\(path\); it has no open\(\)$/
  );
});

it('takes ports whose methods are inherited', () => {
  const clock = Object.create(systemClock) as typeof systemClock;
  expect(() => new FleetManager({ clock, store: new Proxy(memoryStore(), {}) })).not.toThrow();
});
