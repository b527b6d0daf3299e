import type { InspectionEvent } from 'xstate';
import { batchMachine } from '../../machines/batchMachine.ts';
import type { FleetRef } from '../../machines/fleetMachine.ts';
import { scheduleMachine } from '../../machines/scheduleMachine.ts';
import { taskMachine } from '../../machines/taskMachine.ts';
import type { ObservedTurn, TurnObserver } from '../journal/turnObserver.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../ledger/lifecycles.ts';
import type { BatchRow, ScheduleRow, TaskRow } from '../store.ts';
import type { RowChoices } from './rowSamples.ts';
import { ShadowGroup } from './shadowGroup.ts';

/** What is followed of one run of a fleet, from its start to its stop. */
interface Run {
  readonly ledger: Ledger;
  readonly tasks: ShadowGroup<TaskRow>;
  readonly batches: ShadowGroup<BatchRow>;
  readonly schedules: ShadowGroup<ScheduleRow>;
}

/**
 * Shows a sample of a fleet's rows to its inspector as if they were actors, children of the fleet's.
 *
 * It hears of committed turns only, so no state is shown that the store does not have.
 */
export class ShadowActors implements TurnObserver {
  readonly #choices: RowChoices;
  readonly #tell: (event: InspectionEvent) => void;
  #run: Run | null = null;

  /** @param tell - The inspector, made harmless: it must not throw. */
  constructor(choices: RowChoices, tell: (event: InspectionEvent) => void) {
    this.#choices = choices;
    this.#tell = tell;
  }

  /** Follows a fleet that has recovered, until it ends: first what an earlier process left. */
  begin(fleet: FleetRef, ledger: Ledger): void {
    this.#end();
    const { tasks, batches, schedules } = this.#choices;
    const common = { fleet, tell: this.#tell };
    const run: Run = {
      ledger,
      tasks: new ShadowGroup({
        ...common,
        kind: 'task',
        machine: taskMachine,
        choice: tasks,
        idOf: ({ context }) => context.key,
        isFinal: ({ state }) => taskLifecycle.isFinal(state)
      }),
      batches: new ShadowGroup({
        ...common,
        kind: 'batch',
        machine: batchMachine,
        choice: batches,
        idOf: ({ context }) => context.id,
        isFinal: ({ state }) => batchLifecycle.isFinal(state)
      }),
      schedules: new ShadowGroup({
        ...common,
        kind: 'schedule',
        machine: scheduleMachine,
        choice: schedules,
        idOf: ({ context }) => context.id,
        isFinal: ({ state }) => scheduleLifecycle.isFinal(state)
      })
    };
    this.#run = run;
    const end = (): void => {
      if (this.#run === run) this.#end();
    };
    fleet.subscribe({ complete: end, error: end });
    run.tasks.restore(ledger.tasks.rows());
    run.batches.restore(ledger.batches.values());
    run.schedules.restore(ledger.schedules.rows());
  }

  turnCommitted({ steps, at }: ObservedTurn): void {
    if (this.#run === null) return;
    const { ledger, tasks, batches, schedules } = this.#run;
    for (const step of steps) {
      if (step.kind === 'task') tasks.follow(step.event, step.after, at);
      else if (step.kind === 'batch') batches.follow(step.event, step.after, at);
      else schedules.follow(step.event, step.after, at);
    }
    schedules.keepOnly((id) => ledger.schedules.get(id) !== undefined);
  }

  #end(): void {
    const run = this.#run;
    this.#run = null;
    for (const group of [run?.tasks, run?.batches, run?.schedules]) group?.stop();
  }
}
