import type { Json } from '../../machines/task.ts';
import {
  CommandRefusedError,
  ConflictError,
  FleetError,
  NotFoundError,
  QueueFullError,
  StoreError,
  ValidationError,
  type SchemaIssue
} from '../errors.ts';
import type { CommandReply } from '../store.ts';
import { quote } from '../validation/show.ts';

type Refusal = Extract<CommandReply, { ok: false }>;

/** What a command is answered that ended with an error. */
export function refusalOf(error: unknown): Refusal {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof FleetError)) return { ok: false, code: 'ERR_INTERNAL', message };
  const details = detailsOf(error);
  return { ok: false, code: error.code, message, ...(details !== null && { details }) };
}

/** The error that a refusal stands for: of the class that the owner's process has thrown, where it is known here. */
export function errorOfRefusal(refusal: Refusal): FleetError {
  const { code, message, details } = refusal;
  // Written by another process, maybe of another version.
  const fields = (typeof details === 'object' && details !== null ? details : {}) as Record<string, unknown>;
  const error = rebuilt(code, fields, message);
  return error?.message === message ? error : new CommandRefusedError(code, message);
}

/** The fields that its class is made of; `null`: it is not made again. */
function detailsOf(error: FleetError): Json {
  if (error instanceof ValidationError) {
    const { argument, value, allowed, issues } = error;
    return { argument, value, allowed, issues: issues.map(({ path, message }) => ({ path, message })) };
  }
  if (error instanceof NotFoundError || error instanceof ConflictError) {
    const { kind, id } = error;
    return { kind, id };
  }
  if (error instanceof QueueFullError) return { maxQueueSize: error.maxQueueSize };
  if (error instanceof StoreError) return { outcome: error.outcome };
  return null;
}

function rebuilt(code: string, fields: Record<string, unknown>, message: string): FleetError | null {
  const { argument, value, allowed, issues, kind, id, maxQueueSize, outcome } = fields;
  switch (code) {
    case 'ERR_VALIDATION':
      return new ValidationError(String(argument), String(value), String(allowed), {
        issues: Array.isArray(issues) ? (issues as SchemaIssue[]) : []
      });
    case 'ERR_NOT_FOUND':
      return new NotFoundError(kind as NotFoundError['kind'], String(id));
    case 'ERR_CONFLICT': {
      const named = `${String(kind)} ${quote(String(id))} `;
      return new ConflictError(kind as ConflictError['kind'], String(id), message.slice(named.length));
    }
    case 'ERR_QUEUE_FULL':
      return new QueueFullError(Number(maxQueueSize));
    default:
      if (!code.startsWith('ERR_STORE_') || (outcome !== 'refused' && outcome !== 'unknown')) return null;
      return new StoreError(code as StoreError['code'], message, outcome);
  }
}
