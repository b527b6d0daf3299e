import type { RedisOptions } from 'ioredis';
import { longestTimerMs } from '../../clock.ts';
import { show } from '../../validation/show.ts';
import { assertInteger, assertObject, assertOneOf, refuse } from '../../validation/validation.ts';
import { ValidationError } from '../../errors.ts';
import { namePattern } from './protocol.ts';
import type { RedisAddress } from './redis.ts';

/** Where a fleet and its remote workers meet. But for `connectTimeoutMs`, both sides have to say the same. */
export interface AddressOptions {
  /** URL of Redis: `redis://` or, over TLS, `rediss://`. Either this or `connection`. */
  readonly url?: string | undefined;
  /** Options of ioredis instead of a URL: sentinels, TLS files, a user. A `keyPrefix` and clusters are not taken. */
  readonly connection?: RedisOptions | undefined;
  /** The fleet's name in Redis, 1 to 128 characters of `A-Za-z0-9._-`: two fleets with one name take each other's workers. */
  readonly fleet: string;
  /** What all keys in Redis begin with, 1 to 128 of the same characters. Defaults to `xstate-fleet`. */
  readonly prefix?: string | undefined;
  /** What BullMQ keeps its queues in. Only `redis`, the default: decision 0037 says why. */
  readonly backend?: 'redis' | undefined;
  /** How long Redis may take to answer for the first time, ms. Integer >= 1. Defaults to 10,000. */
  readonly connectTimeoutMs?: number | undefined;
}

export const addressOptionNames = [
  'url',
  'connection',
  'fleet',
  'prefix',
  'backend',
  'connectTimeoutMs'
] satisfies (keyof AddressOptions)[];

export interface ResolvedAddress {
  readonly address: RedisAddress;
  readonly fleet: string;
  readonly prefix: string;
  readonly connectTimeoutMs: number;
}

/** @throws {ValidationError} */
export function resolveAddress(argument: string, options: AddressOptions): ResolvedAddress {
  const { fleet, prefix = 'xstate-fleet', backend = 'redis', connectTimeoutMs = 10_000 } = options;
  assertName(`${argument}.fleet`, fleet);
  assertName(`${argument}.prefix`, prefix);
  assertOneOf(`${argument}.backend`, backend, ['redis']);
  assertInteger(`${argument}.connectTimeoutMs`, connectTimeoutMs, 1, longestTimerMs);
  return { address: readAddress(argument, options), fleet, prefix, connectTimeoutMs };
}

/** @throws {ValidationError} unless it can be a part of a key. */
export function assertName(argument: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && namePattern.test(value)) return;
  refuse(argument, value, '1 to 128 characters of A-Z, a-z, 0-9, ".", "_" and "-"');
}

function readAddress(argument: string, { url, connection }: AddressOptions): RedisAddress {
  if (url !== undefined && connection !== undefined) {
    throw new ValidationError(`${argument}.connection`, show(connection), 'left out where url is given');
  }
  if (connection !== undefined) {
    assertObject(`${argument}.connection`, connection);
    const { keyPrefix } = connection as RedisOptions;
    if (keyPrefix) refuse(`${argument}.connection.keyPrefix`, keyPrefix, 'left out; pass prefix instead');
    return { connection };
  }
  if (!isRedisUrl(url)) {
    // It may hold a password.
    const shown = typeof url === 'string' ? 'another text' : show(url);
    throw new ValidationError(`${argument}.url`, shown, 'a URL such as redis://127.0.0.1:6379 or rediss://…');
  }
  return { url };
}

function isRedisUrl(url: unknown): url is string {
  return typeof url === 'string' && /^rediss?:\/\//.test(url) && URL.canParse(url);
}
