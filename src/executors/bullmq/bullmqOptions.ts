import { assertInteger, readOptions, withoutUndefined } from '../../validation/validation.ts';
import {
  addressOptionNames,
  resolveAddress,
  type AddressOptions,
  type ResolvedAddress
} from './addressOptions.ts';

/** How a fleet has its handlers run by remote workers. */
export interface BullmqExecutorOptions extends AddressOptions {
  /**
   * Attempts that a worker is given beyond those that it runs at once, so that it never waits for the fleet. Integer from
   * 0 to 10,000. What a worker was given ahead no other one runs, even if idle. Defaults to what follows the pace of each
   * worker: as many as it ends in 200 ms of work, 1,000 at most; none of a newcomer.
   */
  readonly prefetch?: number | undefined;
  /** How often it is looked who is there, and what became of attempts of which no event came, ms. Integer >= 10. Defaults to 1,000. */
  readonly pollMs?: number | undefined;
  /**
   * How long Redis keeps a result at least that no fleet has taken, ms, by the clocks of worker and Redis. A fleet that runs
   * removes older ones within a minute or two; while none does they stay. Integer >= 1,000. Defaults to a day.
   */
  readonly resultTtlMs?: number | undefined;
}

export interface ResolvedBullmqOptions extends ResolvedAddress {
  /** `null`: as the pace of each worker says. */
  readonly prefetch: number | null;
  readonly pollMs: number;
  readonly resultTtlMs: number;
}

const defaults = {
  pollMs: 1_000,
  resultTtlMs: 24 * 60 * 60 * 1_000
} as const satisfies Partial<BullmqExecutorOptions>;

const optionNames = [
  ...addressOptionNames,
  'prefetch',
  'pollMs',
  'resultTtlMs'
] satisfies (keyof BullmqExecutorOptions)[];

/** @throws {ValidationError} */
export function resolveBullmqOptions(options: BullmqExecutorOptions): ResolvedBullmqOptions {
  const given = readOptions('options', options, optionNames);
  const address = resolveAddress('options', given);
  const { prefetch = null, pollMs, resultTtlMs } = { ...defaults, ...withoutUndefined(given) };
  if (prefetch !== null) assertInteger('options.prefetch', prefetch, 0, 10_000);
  assertInteger('options.pollMs', pollMs, 10, 60_000);
  assertInteger('options.resultTtlMs', resultTtlMs, 1_000, Number.MAX_SAFE_INTEGER);
  return { ...address, prefetch, pollMs, resultTtlMs };
}
