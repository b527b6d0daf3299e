import type { Ledger } from '../ledger/ledger.ts';
import { pauseSchedule, putSchedule, removeSchedule, resumeSchedule } from '../schedules/scheduleRules.ts';
import { cancelBatch, pauseBatch, removeBatch, resumeBatch, submitBatch } from './batchRules.ts';
import { deferred, reply } from './commandReplies.ts';
import { submitResult } from './resultRules.ts';
import { cancelTask, retryTask, submitTask } from './taskRules.ts';
import type { Turn } from './turn.ts';
import type { CommandInput } from './turnInput.ts';

/** Carries a command out and stages its reply. A refused command changes nothing. */
export function carryOut(turn: Turn, ledger: Ledger, input: CommandInput): void {
  try {
    const value = dispatch(turn, ledger, input);
    if (value !== deferred) reply(turn, input, { value });
  } catch (error) {
    reply(turn, input, { error: error as Error });
  }
}

function dispatch(turn: Turn, ledger: Ledger, input: CommandInput): unknown {
  const { command } = input;
  switch (command.type) {
    case 'batch.submit':
      return submitBatch(turn, input, command);
    case 'batch.cancel':
      return cancelBatch(turn, command);
    case 'batch.pause':
      return pauseBatch(turn, command);
    case 'batch.resume':
      return resumeBatch(turn, ledger, command);
    case 'batch.remove':
      return removeBatch(turn, input, command);
    case 'results.clear':
      turn.clears.push(input);
      return deferred;
    case 'task.submit':
      return submitTask(turn, input, command);
    case 'task.cancel':
      return cancelTask(turn, command.key);
    case 'task.retry':
      return retryTask(turn, input, command);
    case 'schedule.put':
      return putSchedule(turn, command);
    case 'schedule.remove':
      return removeSchedule(turn, command);
    case 'schedule.pause':
      return pauseSchedule(turn, command);
    case 'schedule.resume':
      return resumeSchedule(turn, command);
    case 'result.submit':
      return submitResult(turn, command);
    default:
      // The fleet machine has carried it out; its snapshot is committed with this turn.
      return undefined;
  }
}
