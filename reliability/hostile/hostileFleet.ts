import {
  createAgentRegistry,
  defaultFleetConfig,
  FleetManager,
  TaskQueue,
  WorkerRegistry,
  type FleetConfig,
  type Handlers,
  type Store
} from '../../src/index.ts';

const name = 'hostile';

/** A fleet that is called wrongly. It starts no task, so that its turn moves only when a call changes something. */
export interface HostileFleet extends AsyncDisposable {
  readonly api: FleetManager;
  /** Beside it, in the same store. */
  readonly queue: TaskQueue;
  readonly agents: ReturnType<typeof agentsIn>;
  readonly workers: WorkerRegistry;
  /** The config that it is brought back to. */
  readonly config: FleetConfig;
  /** Nothing that an earlier call set off is still to be written. */
  isQuiet: boolean;
  /** Number of the last turn: whatever is written makes a later one. */
  turn(): Promise<number>;
  /** The same, when nothing is left to be written. */
  quietTurn(): Promise<number>;
}

export async function startHostileFleet(store: Store): Promise<HostileFleet> {
  const api = new FleetManager<Handlers>({ name, store, handlers: { echo: (data: unknown) => data } });
  await api.start();
  await api.pause();
  const queue = new TaskQueue({ name: 'hostile queue', store });
  await queue.start();
  const agents = agentsIn(store);
  const workers = new WorkerRegistry();
  const turn = async (): Promise<number> => (await store.readHead(name))?.turn ?? 0;
  const fleet: HostileFleet = {
    api,
    queue,
    agents,
    workers,
    config: defaultFleetConfig,
    isQuiet: false,
    turn,
    async quietTurn() {
      for (let last = -1; ;) {
        const now = await turn();
        if (fleet.isQuiet || now === last) {
          fleet.isQuiet = true;
          return now;
        }
        last = now;
        // Obeyed in a turn of its own, and changes nothing: what came before is written then.
        await api.cancelBatch('none');
      }
    },
    async [Symbol.asyncDispose]() {
      workers.stop();
      await agents.stop();
      await queue.stop({ graceful: false });
      await api.stop({ graceful: false });
      await store.close();
    }
  };
  return fleet;
}

function agentsIn(store: Store) {
  return createAgentRegistry({ FLEET: FleetManager }, { store });
}
