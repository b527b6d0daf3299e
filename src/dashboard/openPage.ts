import type { FleetSnapshot } from '../../machines/fleetMachine.ts';
import { Access } from './access.ts';
import { EdgeCounter } from './edgeCounter.ts';
import { EventStreams } from './eventStreams.ts';
import type { Frame } from './frame.ts';
import type { LivePage, LivePagesOptions } from './livePages.ts';
import { readPageAssets } from './pageAssets.ts';
import { startPageServer } from './pageServer.ts';
import { readFrame } from './readFrame.ts';
import type { RecentFailures } from './recentFailures.ts';
import { resolveServeOptions, type ServeOptions } from './serveOptions.ts';

interface OpenPageOptions extends LivePagesOptions {
  readonly options: ServeOptions;
  /** Looks up what has failed of late. */
  readonly loadFailures: () => Promise<RecentFailures>;
  /** Called when the page is there, and when it was closed. */
  readonly onOpened: (page: LivePage) => void;
  readonly onClosed: (page: LivePage) => void;
}

/** Serves one page, until it or the fleet ends. @throws {NotRunningError} @throws {ValidationError} @throws {ListenError} */
export async function openPage({
  actor,
  clock,
  fleet,
  health,
  metrics,
  observers,
  onError,
  options,
  loadFailures,
  onOpened,
  onClosed,
  ...shown
}: OpenPageOptions): Promise<LivePage> {
  const running = actor.require('serve');
  const resolved = resolveServeOptions(options);
  const [assets, failures] = await Promise.all([readPageAssets(), loadFailures()]);
  actor.require('serve');
  const counter = new EdgeCounter();
  const frame = (snapshot: FleetSnapshot): Frame =>
    readFrame({
      at: clock.now(),
      fleet: snapshot,
      journal: actor.journal,
      readModel: shown.readModel.getSnapshot().context,
      failures: failures.newestFirst,
      isRemote: shown.isRemote
    });
  const streams = new EventStreams({
    clock,
    readFrame: () => ({ ...frame(running.getSnapshot()), edges: counter.edges }),
    onChange: (listener) => {
      const subscription = running.subscribe(listener);
      const observation = observers.add(counter);
      return {
        [Symbol.dispose]: () => {
          subscription.unsubscribe();
          observation[Symbol.dispose]();
        }
      };
    },
    onError
  });
  const access = new Access(resolved.token, clock);
  const server = await startPageServer({
    fleet,
    health,
    metrics,
    clock,
    assets,
    access,
    streams,
    options: resolved,
    onError
  });
  const close = async (): Promise<void> => {
    ended.unsubscribe();
    await server.close();
    onClosed(page);
  };
  const page: LivePage = {
    url: urlOf(resolved.host, server.port),
    token: resolved.token,
    close,
    [Symbol.asyncDispose]: close
  };
  try {
    // It may have stopped while the server began to listen.
    actor.require('serve');
  } catch (error) {
    await server.close();
    throw error;
  }
  onOpened(page);
  const end = (): void => void close();
  // However it ends. A page that is closed before is forgotten by it.
  const ended = running.subscribe({ complete: end, error: end });
  return page;
}

/** Whoever listens on all addresses of this machine is found under its own. */
function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}/`;
}
