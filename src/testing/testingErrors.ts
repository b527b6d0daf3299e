import { FleetError } from '../errors.ts';

/** A machine has transitions that no path takes, with the events that were given. */
export class UnreachedEdgesError extends FleetError {
  readonly code = 'ERR_UNREACHED_EDGES';

  readonly machineId: string;
  /** What was not reached, and why, in a line each. */
  readonly unreached: readonly string[];
  /** Whether the search ended at its limit: what is missing may lie behind it. */
  readonly isLimited: boolean;

  constructor(machineId: string, unreached: readonly string[], limit: number | null) {
    const end =
      limit === null
        ? 'Every situation was looked at. Give more payload cases, another input, or a start in `from`; or remove what nothing can take.'
        : `The search ended after ${limit} situations. Have \`serializeState\` leave out what does not matter, or raise \`limit\`.`;
    super(`${machineId}: not reached:\n  ${unreached.join('\n  ')}\n${end}`);
    this.machineId = machineId;
    this.unreached = unreached;
    this.isLimited = limit !== null;
  }
}

/** There are more situations than may be looked at, and what was asked needs all of them. */
export class SearchLimitError extends FleetError {
  readonly code = 'ERR_SEARCH_LIMIT';

  readonly machineId: string;
  readonly limit: number;

  constructor(machineId: string, limit: number) {
    super(
      `${machineId}: more than ${limit} situations. Have \`serializeState\` leave out what counts up without end, or raise \`limit\``
    );
    this.machineId = machineId;
    this.limit = limit;
  }
}

/** A guard, an assignment or an input of a machine threw. `cause` is what. */
export class StepError extends FleetError {
  readonly code = 'ERR_STEP';

  readonly machineId: string;
  /** Types of the events up to it. */
  readonly path: readonly string[];

  constructor(machineId: string, path: readonly string[], cause: unknown) {
    const where = path.length === 0 ? 'at its start' : `after ${path.join(', ')}`;
    super(`${machineId} threw ${where}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause
    });
    this.machineId = machineId;
    this.path = path;
  }
}

/** A machine did something else than the model along a path. */
export class DisagreementError extends FleetError {
  readonly code = 'ERR_DISAGREEMENT';

  readonly machineId: string;
  /** Types of the events up to where it differs. */
  readonly path: readonly string[];

  constructor(machineId: string, path: readonly string[], how: string, difference: string) {
    super(
      `${machineId} ${how}, ${path.length === 0 ? 'at its start' : `after ${path.join(', ')}`}:\n${difference}`
    );
    this.machineId = machineId;
    this.path = path;
  }
}

/** Less of a machine was covered than is asked for. The message has the whole table. */
export class CoverageError extends FleetError {
  readonly code = 'ERR_COVERAGE';

  readonly machineId: string;

  constructor(machineId: string, table: string) {
    super(`${machineId} is covered too little:\n${table}`);
    this.machineId = machineId;
  }
}

/** A system is to be driven along a path, and nobody said how one of its events is done. */
export class UndrivenEventError extends FleetError {
  readonly code = 'ERR_UNDRIVEN_EVENT';

  readonly type: string;

  constructor(type: string) {
    super(`Nothing drives ${type}: give it in \`events\`, or give \`'*'\` there`);
    this.type = type;
  }
}
