import { isIP } from 'node:net';
import {
  assertBoolean,
  assertFunction,
  assertInteger,
  assertText,
  readItems,
  readOptions,
  refuse
} from '../validation/validation.ts';
import { newToken } from './access.ts';

/** What a live page is served with. Everything has a default. */
export interface ServeOptions {
  /** Integer in [0, 65535]; 0: any that is free. Defaults to 0. */
  readonly port?: number;
  /** Name or address to listen on. Any but this machine's own, such as `0.0.0.0`, needs a `token`. Defaults to `127.0.0.1`. */
  readonly host?: string;
  /** What actions need: 16 to 500 visible ASCII characters. Defaults to 256 random bits. */
  readonly token?: string;
  /** Whether reading needs the token as well. Always so where others can reach it. Defaults to `false`. */
  readonly protectReads?: boolean;
  /** Whether `/metrics` needs no token where reading does. `/healthz` and `/readyz` never need one. Defaults to `false`. */
  readonly openMetrics?: boolean;
  /** Names under which it is reached beside `host` and this machine's own, such as that of a proxy. No ports. */
  readonly allowedHosts?: readonly string[];
  /** Origins of other pages that may ask it, such as `https://ops.example.com`. They send the token with each request. */
  readonly allowedOrigins?: readonly string[];
  /**
   * What is shown of the data, metadata and progress of a task or batch, and of results. Absent: nothing of them leaves.
   * `(value) => value` shows all. Left out is what it throws for, what JSON cannot hold of what it returns, and what is
   * beyond 8,000,000 characters of JSON in one answer.
   */
  readonly redact?: (value: unknown) => unknown;
}

export interface ResolvedServeOptions extends Required<Omit<ServeOptions, 'redact'>> {
  readonly redact: ServeOptions['redact'];
}

const optionNames = [
  'port',
  'host',
  'token',
  'protectReads',
  'openMetrics',
  'allowedHosts',
  'allowedOrigins',
  'redact'
] satisfies (keyof ServeOptions)[];

/** Hosts and origins that may be listed. */
const maxListed = 100;

/** Validates the options and fills in the defaults. @throws {ValidationError} */
export function resolveServeOptions(options: ServeOptions): ResolvedServeOptions {
  const given = readOptions('options', options, optionNames);
  const { port = 0, host = '127.0.0.1', token, protectReads = false, openMetrics = false, redact } = given;
  assertInteger('options.port', port, 0, 65_535);
  assertText('options.host', host);
  if (isIP(host) === 0) assertHost('options.host', host);
  if (token !== undefined) assertToken(token);
  assertBoolean('options.protectReads', protectReads);
  assertBoolean('options.openMetrics', openMetrics);
  if (redact !== undefined) assertFunction('options.redact', redact);
  const isLocal = isLoopback(host);
  if (!isLocal && token === undefined) {
    refuse('options.token', token, `given where host is ${host}: others can reach it`);
  }
  return {
    port,
    host,
    token: token ?? newToken(),
    protectReads: protectReads || !isLocal,
    openMetrics,
    allowedHosts: readList('options.allowedHosts', given.allowedHosts, assertHost),
    allowedOrigins: readList('options.allowedOrigins', given.allowedOrigins, assertOrigin),
    redact
  };
}

/** Whether only this machine reaches it. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** It is sent as a header, and has to be hard to guess. */
function assertToken(token: unknown): void {
  assertText('options.token', token);
  // Its value stays out of the error.
  if (!/^[!-~]{16,500}$/.test(token)) refuse('options.token', '…', '16 to 500 visible ASCII characters');
}

function assertHost(argument: string, value: string): void {
  if (!/^(?:[a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[\da-f:.]+\])$/i.test(value) || value.length > 253) {
    refuse(argument, value, 'a host name or an IP address without a port');
  }
}

function assertOrigin(argument: string, value: string): void {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value) || new URL(value).origin !== value) {
    refuse(argument, value, 'an origin in lower case, such as https://ops.example.com');
  }
}

function readList(
  argument: string,
  value: readonly string[] = [],
  assertItem: (argument: string, value: string) => void
): readonly string[] {
  return readItems(argument, value, maxListed).map((item, index) => {
    const path = `${argument}[${index}]`;
    assertText(path, item);
    assertItem(path, item);
    return item.toLowerCase();
  });
}
