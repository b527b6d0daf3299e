import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { Refusal } from './refusal.ts';

const methods = ['GET', 'HEAD', 'POST', 'OPTIONS'];
const ownNames = new Set(['localhost', '127.0.0.1', '[::1]']);
/** Addresses that stand for all of a machine. */
const anyAddress = new Set(['0.0.0.0', '::']);

/** By which names a server may be asked for. */
export interface HostRules {
  readonly host: string;
  readonly allowedHosts: readonly string[];
}

/**
 * What is looked at before anything is routed, server-sent events included: the method, the target, and the name that
 * the server is asked for. A page that has its name point at this machine (DNS rebinding) still sends that name.
 *
 * @throws {Refusal}
 */
export function checkRequest(incoming: IncomingMessage, rules: HostRules): void {
  const { method = '', url = '', rawHeaders } = incoming;
  const hosts = rawHeaders.filter(
    (_, index) => index % 2 === 0 && rawHeaders[index]!.toLowerCase() === 'host'
  );
  if (hosts.length > 1) throw new Refusal(400, 'ERR_REQUEST', 'Several Host headers');
  if (!isAllowedHost(incoming.headers.host, rules)) {
    throw new Refusal(421, 'ERR_HOST', 'Not served under this host; see the option allowedHosts');
  }
  if (!methods.includes(method)) {
    throw new Refusal(405, 'ERR_METHOD', 'No such method', { allow: methods.join(', ') });
  }
  if (!url.startsWith('/') || url.includes('\\')) throw new Refusal(400, 'ERR_REQUEST', 'Not a path');
}

/** Any port: it may be forwarded from another one. */
function isAllowedHost(header: string | undefined, { host, allowedHosts }: HostRules): boolean {
  const [, name, port = ''] = /^(\[[\da-f:.]+\]|[a-z\d_.-]+)(?::(\d{1,5}))?$/i.exec(header ?? '') ?? [];
  if (name === undefined || Number(port) > 65_535) return false;
  const asked = name.toLowerCase();
  if (ownNames.has(asked) || asked === host.toLowerCase() || asked === `[${host.toLowerCase()}]`) return true;
  // A name can be made to point here, an address cannot.
  if (anyAddress.has(host) && isIP(asked.replace(/^\[(.*)\]$/, '$1')) !== 0) return true;
  return allowedHosts.includes(asked);
}
