import { FleetError } from '../errors.ts';
import { printable, printableLines } from './terminal.ts';

/** Wrong usage or input: each line tells the user what to mend. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(...lines: readonly string[]) {
    super(lines.map(printable).join('\n'));
  }
}

const usage = 2;
/** `EX_SOFTWARE` of sysexits.h: a defect of the program, not of its use. */
const defect = 70;

/** Says on standard error what went wrong. @returns The exit code. */
export function report(error: unknown): number {
  if (error instanceof UsageError) return say(error.message, usage);
  if (error instanceof FleetError || isSystemError(error)) return say(printable(error.message), usage);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return say(`this should not happen, please report it:\n${printableLines(text)}`, defect);
}

function say(text: string, code: number): number {
  process.stderr.write(`xstate-fleet: ${text}\n`);
  return code;
}

/** An error of the operating system, such as ENOENT. Its message names the call and the path. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
