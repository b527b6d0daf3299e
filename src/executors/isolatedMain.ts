// What runs in a thread or process of an isolated executor: handlers of a module, and the conversation about them.
import { parentPort } from 'node:worker_threads';
import type { AttemptRef, Outcome } from '../../machines/task.ts';
import { importHandlers } from '../handlers/handlerModule.ts';
import { HandlerRegistry } from '../handlers/handlerRegistry.ts';
import { hasNonRetryableCode, taskErrorOf } from '../handlers/outcome.ts';
import { handlerSource } from './attemptSource.ts';
import type { FromIsolate, IsolateSetup, ToIsolate } from './channel.ts';
import { inProcessOf } from './inProcess.ts';
import { watchParent } from './parentWatch.ts';
import { answerOf } from './schemaAnswer.ts';

// Captured before the module of handlers loads: it may replace them.
const send: (message: FromIsolate) => void =
  parentPort === null ? process.send!.bind(process) : parentPort.postMessage.bind(parentPort);
const exit = process.exit.bind(process);

const { module, onDetachedError, parent } = JSON.parse(process.argv.at(-1)!) as IsolateSetup;
/** Outcomes that are told together. */
let ends: (AttemptRef & { readonly outcome: Outcome })[] = [];

if (parentPort === null) {
  // An interrupt of a terminal, and a service that stops, signal the whole group: the fleet says what ends here.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  process.on('disconnect', () => exit());
  watchParent(parent);
}
await main();

async function main(): Promise<void> {
  let handlers: HandlerRegistry;
  try {
    const imported = await importHandlers(module);
    if (imported === null) {
      send({ type: 'unfit', error: null });
      return;
    }
    handlers = new HandlerRegistry(imported);
  } catch (error) {
    send({ type: 'unfit', error: taskErrorOf(error, () => false) });
    return;
  }
  const executor = inProcessOf(handlerSource(handlers), {
    onDetachedError,
    shouldRetry: (error) => !hasNonRetryableCode(error)
  });
  await executor.start({
    settled: ({ seq, attempt }, outcome) => tellEnd({ seq, attempt, outcome }),
    progress: ({ seq, attempt }, value) => tell({ type: 'progress', seq, attempt, value }),
    log: ({ seq, attempt }, line) => tell({ type: 'log', seq, attempt, line }),
    detached: (of, error, hasFailed) => tell({ type: 'detached', of, error, hasFailed })
  });
  const obey = (message: ToIsolate): void => {
    switch (message.type) {
      case 'run':
        return executor.dispatch(message.attempts);
      case 'abort':
        return executor.abort(message.attempt, message.cause);
      case 'probe':
        return tell({ type: 'heartbeat' });
      case 'validate':
        void answerOf(handlers.schemaOf(message.of), message.data).then((answer) =>
          tell({ type: 'validated', id: message.id, answer })
        );
        return;
      case 'stop':
        void executor.stop().then(() => exit());
    }
  };
  if (parentPort === null) process.on('message', (message) => obey(message as ToIsolate));
  else parentPort.on('message', obey);
  const types = [...handlers.types];
  const schemaTypes = types.filter((type) => handlers.schemaOf(type) !== undefined);
  send({ type: 'ready', types, schemaTypes });
}

/** Before any other code runs than what ends now: it may block the thread, or end it. */
function tellEnd(end: AttemptRef & { readonly outcome: Outcome }): void {
  ends.push(end);
  if (ends.length === 1) queueMicrotask(tellEnds);
}

function tellEnds(): void {
  if (ends.length === 0) return;
  send({ type: 'settled', ends });
  ends = [];
}

/** In the order in which it happened. */
function tell(message: FromIsolate): void {
  tellEnds();
  send(message);
}
