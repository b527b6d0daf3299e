import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importModule } from '../handlers/moduleImport.ts';
import { hostFleets, type Host, type HostConfig, type HostFact } from '../host.ts';
import { readOwners } from '../host/hostStatus.ts';
import { readerAt } from '../stores/storeAt.ts';
import type { Telemetry } from '../telemetry/createTelemetry.ts';
import { table } from '../validation/table.ts';
import { UsageError } from './failure.ts';
import { interrupted, Interrupts } from './interrupts.ts';
import type { MetricsAddress } from './openMetrics.ts';
import { jsonLine, print, printable } from './terminal.ts';
import { loadUserModule } from './userModule.ts';

export interface HostCommandOptions {
  readonly drain?: number;
  /** `true`: at the default address. */
  readonly metrics?: MetricsAddress | true;
}

/**
 * `host`: runs a share of the fleets of a config until it is interrupted. The first signal hands them over, the second one
 * aborts what they run.
 *
 * @returns The exit code: 0 when all were handed over, 130 when they were not given the time.
 */
export async function host(path: string, { drain, metrics }: HostCommandOptions): Promise<number> {
  const config = await loadUserModule(path, 'the fleets of', importConfig);
  using interrupts = new Interrupts();
  const telemetry = metrics === undefined ? null : await telemetryOf();
  using _ = telemetry && (await served(telemetry, metrics ?? true));
  const starting = hostFleets(config, {
    base: pathToFileURL(resolve(path)),
    onFact: lineWriter(),
    ...(drain !== undefined && { drainMs: drain }),
    ...(telemetry !== null && { telemetry })
  });
  // Until the store has answered there is nothing to hand over.
  const running = await Promise.race([starting, interrupts.first.then(() => null)]);
  if (running === null) return interrupted;
  await interrupts.first;
  say('Handing over what runs. Once more aborts it.');
  const isHandedOver = await Promise.race([
    running.stop().then(() => true),
    interrupts.second.then(() => false)
  ]);
  if (isHandedOver) return 0;
  await abort(running);
  return interrupted;
}

export interface HostStatusOptions {
  readonly store: string;
  readonly json?: boolean;
}

/** `host status`: prints who owns which fleet of a store, and which hosts live. */
export async function hostStatus({ store: address, json }: HostStatusOptions): Promise<number> {
  const store = await readerAt(address);
  try {
    const { fleets, hosts } = await readOwners(store);
    if (json) {
      await print([...fleets, ...hosts].map(jsonLine).join(''));
      return 0;
    }
    const fleetRows = fleets.map(({ name, owner }) => [printable(name), printable(owner ?? '-')]);
    const hostRows = hosts.map(({ group, seat, owner }) => [printable(`${group}/${seat}`), printable(owner)]);
    await print(table([['FLEET', 'OWNER'], ...fleetRows], () => false));
    await print(`\n${table([['HOST', 'PROCESS'], ...hostRows], () => false)}`);
    return 0;
  } finally {
    await store.close();
  }
}

/** The default export of a module, or the object in a JSON file. */
async function importConfig(url: string): Promise<HostConfig> {
  if (url.endsWith('.json')) return jsonOf(await readFile(new URL(url), 'utf8'));
  const { default: exported } = await importModule(url);
  if (exported === undefined) throw new UsageError('it has no default export, such as of defineHost({ … })');
  // A CommonJS module has all its exports there, its own default among them.
  const isNested = typeof exported === 'object' && exported !== null && 'default' in exported;
  return (isNested ? exported.default : exported) as HostConfig;
}

function jsonOf(text: string): HostConfig {
  try {
    return JSON.parse(text) as HostConfig;
  } catch (error) {
    throw new UsageError(`it is no JSON: ${(error as Error).message}`);
  }
}

/** Its libraries are loaded when they are needed. */
async function telemetryOf(): Promise<Telemetry> {
  const { telemetryForMetrics } = await import('./openMetrics.ts');
  return telemetryForMetrics();
}

async function served(telemetry: Telemetry, address: MetricsAddress | true): Promise<Disposable> {
  const { openMetrics } = await import('./openMetrics.ts');
  return openMetrics(telemetry, address, say);
}

/** What runs is given back. A store that does not answer is not waited for. */
async function abort(running: Host): Promise<void> {
  let timer: NodeJS.Timeout;
  const isLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, abortMs)));
  await Promise.race([running.stop({ graceful: false }), isLate]);
  clearTimeout(timer!);
}

/** How long aborted tasks may take to be given back, ms. */
const abortMs = 2_000;

/** Says what becomes of the host, a line for each change; that every fleet stands by at first is none. */
function lineWriter(): (fact: HostFact) => void {
  const known = new Set<string>();
  return (fact) => {
    if (fact.type === 'fleet.changed' && !known.has(fact.fleet)) {
      known.add(fact.fleet);
      return;
    }
    say(lineOf(fact));
  };
}

function lineOf(fact: HostFact): string {
  switch (fact.type) {
    case 'seat.taken':
      return `This is host ${fact.seat}.`;
    case 'seat.lost':
      return `The others take this host for gone: ${fact.message}`;
    case 'hosts.changed':
      return `Hosts: ${fact.hosts.join(', ')}.`;
    case 'store.failed':
      return `The store failed, what runs goes on: ${fact.message}`;
    case 'fleet.changed':
      return `${fact.fleet}: ${words[fact.state]}${problemOf(fact)}`;
  }
}

/** Said when it comes, and not again while the fleet is tried again. */
function problemOf({ state, problem }: Extract<HostFact, { type: 'fleet.changed' }>): string {
  return problem !== null && (state === 'failed' || state === 'ending') ? `: ${problem}` : '';
}

const words = {
  standby: 'standing by',
  starting: 'starting',
  running: 'running',
  handingOver: 'handing over',
  ending: 'lost',
  failed: 'failed, tried again later',
  leaving: 'leaving',
  left: 'left'
} as const;

function say(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}
