import { FleetManager, NonRetryableError, type FleetManagerOptions, type HandlerContext } from 'xstate-fleet';

/** A file, and how its server behaves. */
export interface Download {
  readonly ms: number;
  /** Attempts that it answers with an error first. */
  readonly errors?: number;
  /** It takes the first request, and never answers. */
  readonly isSilentOnce?: boolean;
  readonly isMissing?: boolean;
}

export const downloads: Readonly<Record<string, Download>> = {
  'map-1.png': { ms: 60 },
  'map-2.png': { ms: 90, errors: 1 },
  'map-3.png': { ms: 40, isSilentOnce: true },
  'map-4.png': { ms: 70, errors: 2 },
  'map-5.png': { ms: 50, isMissing: true },
  'map-6.png': { ms: 80, errors: 9 },
  'map-7.png': { ms: 30 },
  'map-8.png': { ms: 60 }
};

/** Downloads from servers that fail as servers do. Each file is tried four times, half a second at most each. */
export function createDownloadFleet(options: Partial<FleetManagerOptions> = {}) {
  return new FleetManager({
    name: 'flaky-downloads',
    handlers: { download },
    config: { maxConcurrentWorkers: 3, maxRetries: 3, workerTimeout: 500 },
    retry: { baseMs: 100, factor: 2, jitter: 'full' },
    ...options
  });
}

async function download(
  { ms, errors = 0, isSilentOnce, isMissing }: Download,
  { attempt, signal }: HandlerContext
): Promise<void> {
  await answer(isSilentOnce && attempt === 1 ? 60_000 : ms, signal);
  if (isMissing) throw new NonRetryableError('404 Not Found');
  if (attempt <= errors) throw new Error('503 Service Unavailable');
}

function answer(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}
