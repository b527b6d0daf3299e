import { Refusal } from './refusal.ts';

/**
 * Whether a request comes from the page itself, or from an origin that is listed, as far as the browser tells. Programs
 * send neither header, and are not led to send what they do not mean.
 *
 * @returns The listed origin that it comes from; `null`: its own, or none.
 * @throws {Refusal} for any other page's.
 */
export function checkOrigin(headers: Headers, allowedOrigins: readonly string[]): string | null {
  const origin = headers.get('origin');
  if (origin !== null && allowedOrigins.includes(origin)) return origin;
  const site = headers.get('sec-fetch-site');
  const isOwnSite = site === null || site === 'same-origin' || site === 'none';
  if (isOwnSite && (origin === null || isOwnOrigin(origin, headers.get('host')))) return null;
  throw new Refusal(403, 'ERR_ORIGIN', 'Asked by another page; see the option allowedOrigins');
}

/** The scheme is not compared: a proxy may add TLS. */
function isOwnOrigin(origin: string, host: string | null): boolean {
  const [, name] = /^https?:\/\/([^/]+)$/.exec(origin) ?? [];
  return name !== undefined && name.toLowerCase() === host?.toLowerCase();
}
