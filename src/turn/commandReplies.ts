import type { FleetCommand } from '../../machines/fleetCommand.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import { problemOf } from '../../machines/problem.ts';
import type { Turn } from './turn.ts';
import type { CommandInput } from './turnInput.ts';

/** The command is answered later: by another turn, or when what it removes is gone. */
export const deferred = Symbol('deferred');

/** Stages the reply to a command, or its refusal. */
export function reply(turn: Turn, input: CommandInput, answer: { value: unknown } | { error: Error }): void {
  const { command, commandId } = input;
  if (commandId !== undefined) turn.replies.push({ commandId, ...answer });
  else if ('error' in answer) turn.facts.push(refusalOf(command, answer.error));
}

/** The refusal of a command that nobody waits for by its id: an event that was sent to the fleet's actor. */
export function refusalOf(command: FleetCommand, error: Error): FleetFact {
  return {
    type: 'command.refused',
    command: command.type,
    batchId: 'batchId' in command ? command.batchId : null,
    ...problemOf(error)
  };
}

/** Has a submission wait for a later turn. It is taken up in its order, so nobody gets past it. */
export function defer(turn: Turn, input: CommandInput): typeof deferred {
  turn.deferred.push(input);
  return deferred;
}

/** Answers submissions that wait, and forgets them. Says whether there were any. */
export function withdraw(turn: Turn, isMeant: (input: CommandInput) => boolean, error: Error): boolean {
  const withdrawn = turn.deferred.filter(isMeant);
  turn.deferred = turn.deferred.filter((input) => !isMeant(input));
  for (const input of withdrawn) reply(turn, input, { error });
  return withdrawn.length > 0;
}
