import { Command, InvalidArgumentError } from 'commander';

/** What every harness is called with: how much to do, and from where the dice start. */
export interface HarnessOptions {
  readonly amount: number;
  readonly seed: number;
}

/**
 * Reads `--<unit> N --seed S`, and what a harness takes besides.
 *
 * @param unit - What `amount` counts, such as `cycles`.
 * @param amount - Done when nothing is said.
 * @param extend - Adds options of the harness's own, which are `TOwn` when they were read.
 */
export function readOptions<TOwn extends object = object>(
  name: string,
  unit: string,
  amount: number,
  extend: (command: Command) => Command = (command) => command
): HarnessOptions & TOwn {
  const command = new Command(name)
    .option(`--${unit} <number>`, `how many ${unit}`, readInteger, amount)
    .option('--seed <number>', 'the same seed does the same', readInteger, 1);
  const options = extend(command).parse().opts<TOwn & Record<string, number>>();
  return { ...options, amount: options[unit]!, seed: options.seed! };
}

/** @throws {InvalidArgumentError} unless the text is an integer >= 0. */
export function readInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('Give an integer >= 0.');
  return value;
}
