import type { FleetEvent } from '../../machines/fleetMachine.ts';
import type { WorkerReport } from '../../machines/workerMachine.ts';
import type { ResultStatistics } from '../coordinator/resultStatistics.ts';
import type { Executor } from '../executor.ts';
import type { Turn } from '../turn/turn.ts';
import type { TurnInput } from '../turn/turnInput.ts';
import { AgentMessages, type AgentMessagesOptions } from './agentMessages.ts';
import { AgentSnapshots } from './agentSnapshots.ts';
import { Autoscaling } from './autoscaling.ts';
import { JoinedWorkers } from './joinedWorkers.ts';
import { UnroutableTasks } from './unroutableTasks.ts';
import { WorkerHealth } from './workerHealth.ts';

export interface FleetAgentsOptions extends Omit<AgentMessagesOptions, 'workersAreIds'> {
  readonly executor: Executor;
  /** Of the results: they are persisted with the agents. */
  readonly statistics: () => ResultStatistics;
  /** Puts an input into the next turn. */
  readonly collect: (input: TurnInput) => void;
  /** Tells the fleet's actor, which hears it while it is active. */
  readonly send: (event: FleetEvent) => void;
  /** Has a turn taken soon. */
  readonly wake: () => void;
}

/** What stands between the loop and the agents, put together: each part has its own say in a turn. */
export class FleetAgents {
  readonly messages: AgentMessages;
  readonly snapshots: AgentSnapshots;
  readonly autoscaling: Autoscaling;
  readonly health: WorkerHealth;
  readonly joined: JoinedWorkers;
  readonly unroutable: UnroutableTasks;
  readonly #isRemote: boolean;

  constructor(options: FleetAgentsOptions) {
    const { ledger, clock, active, executor, fleet, send } = options;
    this.#isRemote = executor.isRemote === true;
    this.messages = new AgentMessages({ ...options, workersAreIds: executor.workersAreIds === true });
    this.snapshots = new AgentSnapshots(options.statistics);
    this.autoscaling = new Autoscaling(ledger, active, fleet);
    this.health = new WorkerHealth({
      executor,
      ledger,
      clock,
      active,
      tell: (slot, event) => this.messages.tellWorker(slot, event),
      collect: options.collect
    });
    this.joined = new JoinedWorkers({
      ledger,
      health: this.health,
      tell: (slot, event) => this.messages.tellWorker(slot, event),
      spawn: send,
      wake: options.wake
    });
    this.unroutable = new UnroutableTasks(ledger, active, (facts) => send({ type: 'facts.released', facts }));
  }

  /** Takes in what a worker said of itself. */
  record(report: WorkerReport): void {
    this.messages.record(report);
    this.health.record(report);
    if (this.#isRemote) this.joined.record(report);
    this.snapshots.markWorker(report.slot);
  }

  /** After a turn: has as many workers as it calls for, where the fleet makes them, and looks after those that are there. */
  adjust(turn: Turn): void {
    const { config } = turn.context;
    if (this.#isRemote) this.unroutable.look(config);
    else {
      this.messages.adjustWorkers(config, this.autoscaling.apply(config));
      this.autoscaling.look(turn);
    }
    this.health.look(config);
  }

  /** The store does not have the turn, nor the snapshots that came with it. */
  undone(turn: Turn): void {
    this.snapshots.refused();
    this.messages.undone(turn);
  }
}
