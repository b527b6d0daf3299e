import { Command, InvalidArgumentError } from 'commander';

/** What every harness is called with: how much to do, and from where the dice start. */
export interface HarnessOptions {
  readonly amount: number;
  readonly seed: number;
}

/**
 * Reads `--<unit> N --seed S`.
 *
 * @param unit - What `amount` counts, such as `cycles`.
 * @param amount - Done when nothing is said.
 */
export function readOptions(name: string, unit: string, amount: number): HarnessOptions {
  const options = harnessCommand(name, unit, amount).parse().opts<Record<string, number>>();
  return { amount: options[unit]!, seed: options.seed! };
}

/** The command line that all harnesses share, for one that takes more than that. */
export function harnessCommand(name: string, unit: string, amount: number): Command {
  return new Command(name)
    .option(`--${unit} <number>`, `how many ${unit}`, readInteger, amount)
    .option('--seed <number>', 'the same seed does the same', readInteger, 1);
}

/** @throws {InvalidArgumentError} unless the text is an integer >= 0. */
export function readInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('Give an integer >= 0.');
  return value;
}
