import { factTypes, type FleetFact } from '../../machines/fleetFact.ts';
import type { TaskError } from '../../machines/task.ts';
import type { Clock } from '../clock.ts';
import type { FleetEvents } from '../fleet/fleetEvents.ts';
import type { FleetManagerOptions } from '../fleet/managerOptions.ts';
import type { FleetStats } from '../ledger/stats.ts';
import type { StoredResult } from '../store.ts';
import { isExternalKey, taskIdOf } from '../submission/taskKey.ts';
import { assertLogger } from '../validation/ports.ts';
import { assertInteger, refuse } from '../validation/validation.ts';
import type { FleetLogger, LogLevel } from './fleetLogger.ts';
import { LogBudget } from './logBudget.ts';
import { boundedFacts, factLevels, settledLevels } from './logLevels.ts';

const defaultRate = 100;

interface FleetLogOptions {
  readonly logger: FleetLogger;
  readonly rate: number;
  readonly fleet: string;
  readonly clock: Clock;
  readonly events: FleetEvents;
}

/** Where records go; `null`: there are none. @throws {ValidationError} */
export function readLog(
  logger: FleetManagerOptions['logger'],
  rate: FleetManagerOptions['logRate']
): Pick<FleetLogOptions, 'logger' | 'rate'> | null {
  if (logger === undefined || typeof logger === 'function') {
    if (rate !== undefined) refuse('options.logRate', rate, 'absent where logger is no object');
    return null;
  }
  assertLogger('options.logger', logger);
  if (rate !== undefined && rate !== Infinity) {
    assertInteger('options.logRate', rate, 0, Number.MAX_SAFE_INTEGER);
  }
  return { logger, rate: rate ?? defaultRate };
}

/**
 * Writes what happens in a fleet as records, after the commit that made it true. Nothing that a task carries or
 * returns is in them; messages of errors, and lines that handlers log, are.
 */
export class FleetLog {
  readonly #options: FleetLogOptions;
  readonly #budget: LogBudget;

  constructor(options: FleetLogOptions) {
    this.#options = options;
    this.#budget = new LogBudget(options.rate);
    for (const type of factTypes) {
      const level = factLevels[type];
      // Facts of single tasks are told, which costs, while somebody listens for them.
      if (level !== null && this.#wants(level)) options.events.on(type, (fact) => this.#take(fact, level));
    }
  }

  started({ totalTasks, counts }: FleetStats): void {
    const { completed, failed, timedOut, cancelled } = counts;
    this.#write('info', { tasks: totalTasks - completed - failed - timedOut - cancelled }, 'fleet started');
  }

  ended(): void {
    for (const [level, suppressed] of this.#budget.drain()) {
      this.#write(level, { suppressed }, 'records were left out');
    }
    this.#write('info', {}, 'fleet stopped');
  }

  /** Takes the results of a committed turn. */
  released(results: readonly StoredResult[]): void {
    for (const result of results) {
      const { key, taskId, batchId, type, status, attempts: attempt, workerId, duration, failure } = result;
      const level = settledLevels[status];
      if (isExternalKey(key) || !this.#wants(level)) continue;
      const fields = { batchId, taskId, type, attempt, workerId, status, durationMs: duration };
      this.#bounded(level, () => ({ ...fields, ...errorField(failure) }), `task ${status}`);
    }
  }

  #take(fact: FleetFact, settled: LogLevel): void {
    const level = levelOf(fact, settled);
    const message = fact.type.replace('.', ' ');
    if (boundedFacts.has(fact.type)) this.#bounded(level, () => fieldsOf(fact), message);
    else this.#write(level, fieldsOf(fact), message);
  }

  #bounded(level: LogLevel, fields: () => object, message: string): void {
    const suppressed = this.#budget.take(level, this.#options.clock.monotonic());
    if (suppressed === null) return;
    this.#write(level, suppressed === 0 ? fields() : { ...fields(), suppressed }, message);
  }

  #wants(level: LogLevel): boolean {
    const { logger, events } = this.#options;
    try {
      return logger.isLevelEnabled?.(level) ?? true;
    } catch (error) {
      events.report(error);
      return true;
    }
  }

  /** A logger that throws disturbs nobody. */
  #write(level: LogLevel, fields: object, message: string): void {
    const { logger, fleet, events } = this.#options;
    if (!this.#wants(level)) return;
    try {
      logger[level]({ fleet, ...fields }, message);
    } catch (error) {
      events.report(error);
    }
  }
}

/** A batch that has not completed is worth a look. */
function levelOf(fact: FleetFact, level: LogLevel): LogLevel {
  if (fact.type !== 'batch.settled') return level;
  return fact.status === 'failed' || fact.status === 'partial' ? 'warn' : level;
}

function fieldsOf(fact: FleetFact): object {
  switch (fact.type) {
    case 'task.retrying':
    case 'task.detachedError': {
      const { type: _, key, error, ...fields } = fact;
      return { ...fields, taskId: taskIdOf(key, fact.batchId), ...errorField(error) };
    }
    case 'task.log': {
      const { type: _, key, ...fields } = fact;
      return { ...fields, taskId: taskIdOf(key, fact.batchId) };
    }
    case 'command.refused':
    case 'store.unavailable': {
      const { type: _, code, message, ...fields } = fact;
      return { ...fields, err: { type: code, message, code } };
    }
    default: {
      const { type: _, ...fields } = fact;
      return fields;
    }
  }
}

/** As loggers take an error that is data. */
function errorField(error: TaskError | undefined): object {
  if (error === undefined) return {};
  const { name: type, message, stack, code } = error;
  return {
    err: { type, message, ...(code !== undefined && { code }), ...(stack !== undefined && { stack }) }
  };
}
