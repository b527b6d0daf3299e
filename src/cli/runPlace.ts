import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defaultFleetConfig, type WorkerGroup } from '../../machines/fleetConfig.ts';
import { systemClock } from '../clock.ts';
import { processes } from '../executors/processes.ts';
import { threads } from '../executors/threads.ts';
import type { FleetManagerOptions } from '../fleet/managerOptions.ts';
import { readHandler, type Handlers, type ReadHandler } from '../handlers/handler.ts';
import { hasNonRetryableCode } from '../handlers/outcome.ts';
import { asItIs, dataReader, type DataReader } from '../submission/schema.ts';
import { showKey } from '../validation/show.ts';
import { readTags } from '../validation/tags.ts';
import { assertId } from '../validation/validation.ts';
import { UsageError } from './failure.ts';
import { loadHandlers } from './handlerModule.ts';
import { openRedis } from './openRedis.ts';
import type { RunOptions } from './run.ts';
import type { TaskTypes } from './taskFile.ts';

/** Where the tasks of a run are carried out. */
export interface RunPlace {
  readonly fleet: Pick<FleetManagerOptions, 'handlers' | 'executor' | 'shouldRetry'>;
  /** What is known of the tasks before they run. */
  readonly types: TaskTypes;
  readonly readData: DataReader;
  /** `null`: the workers say what they offer when they join. */
  readonly groups: readonly WorkerGroup[] | null;
  /** How one starts a worker; `null`: the run starts its own. */
  readonly workerCommand: string | null;
}

/** In this process, in isolates of it, or in workers elsewhere. @throws {UsageError} @throws {ValidationError} */
export async function runPlaceOf(options: RunOptions): Promise<RunPlace> {
  assertOneSource(options);
  return options.redis === undefined
    ? hereOf(options, options.handlers!)
    : elsewhereOf(options, options.redis);
}

/** Options that say how the workers of the run are, or that the handlers of this machine know. */
const ofHere = ['workers', 'group', 'concurrency', 'isolate'] as const;
const ofElsewhere = ['prefix', 'type'] as const;

function assertOneSource(options: RunOptions): void {
  const { handlers, redis } = options;
  if (handlers === undefined && redis === undefined) {
    throw new UsageError(
      'pass --handlers <module>, which exports the code of the tasks, or --redis <url>, where workers that have it join'
    );
  }
  if (handlers !== undefined && redis !== undefined) {
    throw new UsageError(
      '--handlers does not go with --redis: the workers have the handlers; pass them to xstate-fleet worker'
    );
  }
  const [others, by] = redis === undefined ? [ofElsewhere, '--redis'] : [ofHere, '--handlers'];
  const stray = others.find((name) => isGiven(options[name]));
  if (stray === undefined) return;
  const why =
    redis === undefined ? '' : ': the workers that join say what they are; pass it to xstate-fleet worker';
  throw new UsageError(`--${stray} goes with ${by} alone${why}`);
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

async function hereOf(options: RunOptions, path: string): Promise<RunPlace> {
  assertGroups(options);
  const handlers = await loadHandlers(path);
  const schemas = schemasOf(handlers);
  return {
    fleet: fleetHere(handlers, path, options.isolate),
    types: new Set(schemas.keys()),
    readData: dataReader({ schemaOf: (type) => schemas.get(type), clock: systemClock }),
    groups: options.group,
    workerCommand: null
  };
}

async function elsewhereOf({ fleet, prefix, type }: RunOptions, url: string): Promise<RunPlace> {
  if (type !== undefined) assertId('--type', type);
  const { executor, workerCommand } = await openRedis({ url, fleet, prefix });
  return {
    fleet: { executor },
    types: type === undefined ? null : { default: type },
    readData: asItIs,
    groups: null,
    workerCommand
  };
}

function fleetHere(handlers: Handlers, path: string, isolate: RunOptions['isolate']): RunPlace['fleet'] {
  if (isolate !== undefined) {
    const make = isolate === 'threads' ? threads : processes;
    return { executor: make({ module: pathToFileURL(resolve(path)) }) };
  }
  return { handlers, shouldRetry: (error) => !hasNonRetryableCode(error) };
}

/** The fleet would take them, with fewer workers in the last ones: tasks could wait for tags for ever. */
function assertGroups({ group, workers = defaultFleetConfig.maxConcurrentWorkers }: RunOptions): void {
  for (const { tags } of group) readTags('--group', tags);
  const grouped = group.reduce((sum, { workers: some }) => sum + some, 0);
  if (grouped <= workers) return;
  throw new UsageError(
    `--group asks for ${grouped} workers of ${workers}; pass --workers ${grouped} or more`
  );
}

/** The schema of each type; `undefined`: it has none. */
function schemasOf(handlers: Handlers): ReadonlyMap<string, ReadHandler['schema']> {
  return new Map(
    Object.entries(handlers).map(([type, handler]) => [
      type,
      readHandler(`handlers${showKey(type)}`, handler).schema
    ])
  );
}
