import type { Joining } from '../../machines/workerMachine.ts';
import type { JoinedWorker } from '../executor.ts';
import { limits } from './limits.ts';
import { readTags } from './tags.ts';
import { assertId, assertInteger, assertText, readFields, readItems, refuse } from './validation.ts';

const isWorkerId = /^[A-Za-z0-9._-]{1,128}$/;

/** Most types that a worker may have handlers for. */
const mostTypes = 10_000;

/** What a remote worker says of itself: tags and types sorted, each once. @throws {ValidationError} */
export function readJoinedWorker(given: JoinedWorker): Joining {
  const { workerId, concurrency, prefetch = 0, tags, types, problem } = readFields('worker', given);
  if (typeof workerId !== 'string' || !isWorkerId.test(workerId)) {
    refuse('worker.workerId', workerId, '1 to 128 characters of [A-Za-z0-9._-]');
  }
  assertInteger('worker.concurrency', concurrency, 1, 100_000);
  assertInteger('worker.prefetch', prefetch, 0, 100_000);
  const read = readItems('worker.types', types, mostTypes);
  for (const [index, type] of read.entries()) assertId(`worker.types[${index}]`, type);
  if (problem !== null) assertText('worker.problem', problem);
  return {
    workerId,
    concurrency,
    prefetch,
    tags: readTags('worker.tags', tags),
    types: [...new Set(read as string[])].sort(),
    problem: problem?.slice(0, limits.errorMessage) ?? null
  };
}
