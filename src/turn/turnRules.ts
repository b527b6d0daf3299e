import type { Ledger } from '../ledger/ledger.ts';
import { fireDue } from '../schedules/scheduleFiring.ts';
import type { SchedulePlan } from '../schedules/schedulePlan.ts';
import {
  claimTasks,
  enforceDeadlines,
  loseAttempt,
  queueDue,
  releaseAttempts,
  returnAttempt,
  settleAttempt,
  startAttempt
} from './attemptRules.ts';
import { expireBatches, sweepCancelled } from './batchRules.ts';
import { carryOut } from './commandRules.ts';
import { tellDependents } from './dependencyRules.ts';
import type { Turn } from './turn.ts';
import type { TurnInput } from './turnInput.ts';

/**
 * Rows that each part of a turn steps at most, so that none holds the event loop for long. More than a chunk of a
 * submission, so that outcomes which come with one need no turn of their own.
 */
export const maxTurnRows = 2_000;

/** All that a turn does, in order: what came in, what time has brought, what follows from it, what can start. */
export function stepTurn(turn: Turn, ledger: Ledger, inputs: readonly TurnInput[], plan: SchedulePlan): void {
  for (const input of inputs) takeIn(turn, ledger, input);
  enforceDeadlines(turn, ledger);
  fireDue(turn, ledger, plan);
  queueDue(turn, ledger, maxTurnRows);
  sweepCancelled(turn, ledger, maxTurnRows);
  tellDependents(turn, maxTurnRows);
  if (turn.context.isDispatching) claimTasks(turn, ledger, maxTurnRows);
  turn.finish();
}

function takeIn(turn: Turn, ledger: Ledger, input: TurnInput): void {
  switch (input.type) {
    case 'attempt.started':
      return startAttempt(turn, input);
    case 'attempt.settled':
      return settleAttempt(turn, ledger, input);
    case 'attempt.lost':
      return loseAttempt(turn, ledger, input);
    case 'attempt.returned':
      return returnAttempt(turn, ledger, input);
    case 'attempts.released':
      return releaseAttempts(turn, ledger);
    case 'turn.awaited':
      return void turn.replies.push({ commandId: input.commandId });
    case 'command':
      return carryOut(turn, ledger, input);
    case 'batches.expired':
      return expireBatches(turn, input);
  }
}
