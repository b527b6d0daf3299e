import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AttemptRef, Outcome } from '../../../machines/task.ts';
import type { AbortCause, Attempt } from '../../executor.ts';
import { hasNonRetryableCode } from '../../handlers/outcome.ts';
import { attemptKey } from '../../ledger/roster.ts';
import { beginAttemptSpan, type AttemptSpan } from '../../telemetry/attemptSpan.ts';
import { parseJson } from '../../validation/jsonText.ts';
import { limits } from '../../validation/limits.ts';
import { quote } from '../../validation/show.ts';
import { handlerSource } from '../attemptSource.ts';
import { inProcessOf, type InProcessExecutor } from '../inProcess.ts';
import { answerOf } from '../schemaAnswer.ts';
import type { WorkerNews } from './protocol.ts';
import type { ResolvedWorkerOptions } from './remoteWorkerOptions.ts';

export interface AttemptDeskOptions extends Pick<
  ResolvedWorkerOptions,
  'handlers' | 'shouldRetry' | 'onDetachedError'
> {
  readonly tell: (attempt: AttemptRef, news: WorkerNews) => void;
}

/** Runs the attempts that jobs bring, with the code that runs them in a fleet's own process. */
export class AttemptDesk {
  readonly #options: AttemptDeskOptions;
  readonly #executor: InProcessExecutor;
  readonly #waiting = new Map<string, (outcome: Outcome) => void>();
  /** Attempts whose data is being read: their handlers are not called yet. */
  readonly #reading = new Set<string>();

  constructor(options: AttemptDeskOptions) {
    const { handlers, shouldRetry, onDetachedError } = options;
    this.#options = options;
    this.#executor = inProcessOf(handlerSource(handlers), {
      shouldRetry: (error) => !hasNonRetryableCode(error) && shouldRetry(error),
      onDetachedError
    });
  }

  async start(): Promise<void> {
    const { tell } = this.#options;
    await this.#executor.start({
      settled: (attempt, outcome) => this.#settle(attempt, outcome),
      progress: (attempt, value) => tell(attempt, { type: 'progress', value }),
      log: (attempt, line) => tell(attempt, { type: 'log', line }),
      detached: (of, error, hasFailed) => tell(of, { type: 'detached', of, error, hasFailed })
    });
  }

  /** Resolves when it has ended, whatever it does. */
  async run(attempt: Attempt): Promise<Outcome> {
    const span = beginAttemptSpan(attempt);
    const outcome = await this.#run(attempt, span);
    span?.end(outcome);
    return outcome;
  }

  /** One whose handler is not called yet ends at once, and its handler never is. */
  abort(attempt: AttemptRef, cause: AbortCause): void {
    if (this.#reading.delete(attemptKey(attempt))) this.#settle(attempt, abortedBefore(cause));
    else this.#executor.abort(attempt, cause);
  }

  async stop(): Promise<void> {
    await this.#executor.stop();
  }

  #run(attempt: Attempt, span: AttemptSpan | null): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#waiting.set(attemptKey(attempt), resolve);
      void this.#begin(attempt, span);
    });
  }

  async #begin(attempt: Attempt, span: AttemptSpan | null): Promise<void> {
    const key = attemptKey(attempt);
    this.#reading.add(key);
    const read = await this.#read(attempt);
    if (!this.#reading.delete(key)) return;
    if ('status' in read) return this.#settle(attempt, read);
    span?.cover(read);
    this.#executor.dispatch([read]);
  }

  /** The fleet has no handlers, so that it has not asked their schemas: the data is read here. */
  async #read(attempt: Attempt): Promise<Attempt | Outcome> {
    const schema = this.#options.handlers.schemaOf(attempt.type);
    if (schema === undefined) return attempt;
    const answer = await answerOf(schema, parseJson(attempt.data));
    switch (answer.status) {
      case 'taken':
        return { ...attempt, data: answer.json };
      case 'failed':
        return { status: 'failed', error: { ...answer.error, retryable: false } };
      case 'refused':
        return { status: 'failed', error: refusal(attempt.type, answer.issues) };
    }
  }

  /** The second outcome of one is what its detached code threw, which is told as such. */
  #settle(attempt: AttemptRef, outcome: Outcome): void {
    const key = attemptKey(attempt);
    this.#waiting.get(key)?.(outcome);
    this.#waiting.delete(key);
  }
}

/** The outcome of an attempt that is to end before its handler is called. */
export function abortedBefore({ message }: AbortCause): Outcome {
  return { status: 'failed', error: { name: 'AbortError', message, retryable: true } };
}

function refusal(type: string, issues: readonly StandardSchemaV1.Issue[]) {
  const told = issues
    .slice(0, 10)
    .map(({ message, path = [] }) => `${path.map(String).join('.')}: ${message}`);
  const message = `The schema of ${quote(type)} does not take the data: ${told.join('; ')}`;
  return {
    name: 'ValidationError',
    message: message.slice(0, limits.errorMessage),
    code: 'ERR_VALIDATION',
    retryable: false
  };
}
