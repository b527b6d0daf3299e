import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import { leaseMs, silenceMs } from './plans.ts';
import { drawClogging, drawFlapping, play } from './linkSchedule.ts';
import type { Direction, TcpProxy } from './tcpProxy.ts';
import type { WorkloadOptions } from './workload.ts';
import type { LinkName, Member, Need, WorkerForce, World } from './world.ts';

/** What goes wrong in a cycle. Whatever it leaves broken, the world is healed afterwards. */
export interface Fault {
  /** Of section G of the faults that are to be survived; `clock`: the clocks of machines differ. */
  readonly row: string;
  readonly name: string;
  readonly needs: readonly Need[];
  readonly strike: (world: World, random: SeededRandom) => Promise<void>;
  readonly workload?: Omit<WorkloadOptions, 'tasks'>;
  /** How the clock of each manager in turn is set, as `faketime` takes it; `null`: rightly. */
  readonly clocks?: readonly (string | null)[];
  /** The same of remote workers. */
  readonly workerClocks?: readonly (string | null)[];
  /** Defaults to three workers, each a process, that run two attempts at once. */
  readonly force?: WorkerForce;
}

/** Longer than any silence that is allowed, ms. */
const beyondLeasesMs = leaseMs + 500;

/** All of them; which ones a topology can have, their needs say. */
export const faults: readonly Fault[] = [
  {
    row: 'G1',
    name: 'a worker is killed',
    needs: ['worker processes'],
    strike: (world, random) => several(random, () => oneOf(world.workers(), random)?.kill())
  },
  {
    row: 'G1',
    name: 'all workers are killed',
    needs: ['worker processes'],
    async strike(world) {
      await Promise.all(world.workers().map((worker) => worker.kill()));
    }
  },
  {
    row: 'G1',
    name: 'the client is killed, and another one asks again',
    needs: [],
    async strike(world) {
      await Promise.all(world.clients().map((client) => client.kill()));
    }
  },
  {
    row: 'G1',
    name: 'the manager is killed',
    needs: ['standby'],
    strike: async (world) => world.managers()[0]?.kill()
  },
  {
    row: 'G1',
    name: 'the manager is killed, and the next one while it recovers',
    needs: ['standby'],
    async strike(world, random) {
      await world.managers()[0]?.kill();
      await world.addManager();
      await sleep(random.integer(0, 250));
      await world.managers()[0]?.kill();
    }
  },
  {
    row: 'G1',
    name: 'all managers are killed',
    needs: [],
    async strike(world) {
      await Promise.all(world.managers().map((manager) => manager.kill()));
    }
  },
  {
    row: 'G1',
    name: 'the cable of a worker is cut',
    needs: ['remote workers'],
    async strike(world, random) {
      for (const link of linksOf(oneOf(world.workers(), random), 'engine')) {
        link.refuse();
        link.drop('toServer');
        link.drop('toClient');
      }
      await sleep(beyondLeasesMs);
    }
  },
  {
    row: 'G2',
    name: 'a worker is a zombie, and comes back',
    needs: ['worker processes'],
    strike: async (world, random) => frozen([oneOf(world.workers(), random)], random)
  },
  {
    row: 'G2',
    name: 'all workers are zombies, and come back',
    needs: ['worker processes'],
    strike: async (world, random) => frozen(world.workers(), random)
  },
  {
    row: 'G2',
    name: 'the client is a zombie, and comes back',
    needs: [],
    strike: async (world, random) => frozen(world.clients(), random)
  },
  {
    row: 'G3',
    name: 'a worker comes back just as it is given up',
    needs: ['worker processes'],
    strike: (world, random) =>
      several(random, () =>
        frozen([oneOf(world.workers(), random)], random, silenceMs - 150 + random.integer(0, 300))
      )
  },
  {
    row: 'G6',
    name: 'the manager is a zombie, and comes back',
    needs: ['standby'],
    strike: async (world, random) => frozen([world.managers()[0]], random)
  },
  {
    row: 'G6',
    name: 'the one that stands by is a zombie, and the manager is killed',
    needs: ['standby'],
    async strike(world, random) {
      const [manager, standby] = world.managers();
      standby?.freeze();
      await manager?.kill();
      await sleep(random.integer(0, beyondLeasesMs));
      standby?.thaw();
    }
  },
  {
    row: 'G6',
    name: 'the manager is a zombie, and then the next one is',
    needs: ['standby'],
    strike: (world, random) => several(random, () => frozen([world.managers()[0]], random))
  },
  ...(['front', 'ledger', 'engine'] as const).flatMap(partitions),
  {
    row: 'G5',
    name: 'submissions are repeated, and late',
    needs: [],
    workload: { isRepeated: true },
    async strike(world, random) {
      for (const link of world.links('front')) link.hold(random.pick(['toServer', 'toClient']));
      await sleep(random.integer(100, beyondLeasesMs));
    }
  },
  {
    row: 'G6',
    name: 'the manager is killed again and again',
    needs: ['standby'],
    strike: (world, random) =>
      several(random, async () => {
        await world.managers()[0]?.kill();
        await world.addManager();
        await sleep(random.integer(0, 400));
      })
  },
  {
    row: 'G6',
    name: 'the owner is cut off from its ledger for longer than its lease: split brain',
    needs: ['standby', 'PostgreSQL'],
    async strike(world, random) {
      for (const link of linksOf(world.managers()[0], 'ledger')) {
        link.hold('toServer');
        if (random.chance(0.5)) link.hold('toClient');
        if (random.chance(0.5)) link.refuse();
      }
      await sleep(beyondLeasesMs + 500);
    }
  },
  {
    row: 'G7',
    name: 'two tasks kill their process each time',
    needs: ['worker processes'],
    workload: { special: { deadly: 2 } },
    // One at once: which of several took the process down, nobody can tell.
    force: { concurrency: 1 },
    strike: async () => {}
  },
  {
    row: 'G8',
    name: 'all workers connect again at once',
    needs: ['remote workers'],
    async strike(world, random) {
      await several(random, async () => {
        for (const link of world.links('engine')) link.cut();
        await sleep(random.integer(0, 100));
      });
    }
  },
  {
    row: 'G8',
    name: 'sixty workers connect again at once',
    needs: ['remote workers'],
    force: { sessions: 20, concurrency: 1 },
    async strike(world, random) {
      await several(random, async () => {
        for (const link of world.links('engine')) {
          link.cut();
          link.refuse();
        }
        await sleep(random.integer(0, beyondLeasesMs));
        await onEach(world.links('engine'), (link) => link.heal());
      });
    }
  },
  {
    row: 'G9',
    name: 'a worker of another version of the protocol comes',
    needs: ['remote workers'],
    async strike(world) {
      await world.addStranger();
      await sleep(beyondLeasesMs);
    }
  },
  {
    row: 'G9',
    name: 'tasks of a type that no worker runs wait until one comes that does',
    needs: ['remote workers'],
    workload: { special: { rare: 3 } },
    async strike(world, random) {
      await sleep(random.integer(0, beyondLeasesMs));
      await world.addCompleteWorker();
    }
  },
  {
    row: 'G11',
    name: 'workers are drained while others come',
    needs: ['remote workers'],
    strike: (world, random) =>
      several(random, async () => {
        const worker = oneOf(world.workers(), random);
        worker?.terminate();
      })
  },
  {
    row: 'G12',
    name: 'handlers hang while their workers are well',
    needs: [],
    workload: { special: { wedged: 2 } },
    strike: async () => {}
  },
  {
    row: 'G14',
    name: 'all processes are killed at once',
    needs: [],
    async strike(world) {
      const all = [...world.managers(), ...world.workers(), ...world.clients()];
      await Promise.all(all.map((member) => member.kill()));
    }
  },
  {
    row: 'G10',
    name: 'a submission is carried out, and its answer is lost',
    needs: [],
    strike: async (world, random) => lostAnswers(world.links('front'), random)
  },
  {
    row: 'G10',
    name: 'a commit is carried out, and its answer is lost',
    needs: ['PostgreSQL'],
    strike: async (world, random) => lostAnswers(world.links('ledger'), random)
  },
  ...(['Redis', 'PostgreSQL'] as const).flatMap((name): Fault[] => [
    {
      row: 'G1',
      name: `${name} is killed, and started again with its data`,
      needs: [name],
      async strike(world, random) {
        await world.server(name).kill();
        await sleep(random.integer(0, beyondLeasesMs));
        await world.server(name).restart();
      }
    },
    {
      row: 'G4',
      name: `${name} stands still, and goes on`,
      needs: [name],
      async strike(world, random) {
        world.server(name).freeze();
        await sleep(random.integer(100, beyondLeasesMs + 500));
        world.server(name).thaw();
      }
    }
  ]),
  {
    row: 'G1',
    name: 'Redis is killed, and started again without its data',
    needs: ['Redis'],
    async strike(world) {
      await world.server('Redis').restart({ isEmpty: true });
    }
  },
  {
    row: 'G6',
    name: 'Redis is killed, and the manager while it is away',
    needs: ['Redis', 'standby'],
    async strike(world, random) {
      await world.server('Redis').kill();
      await world.managers()[0]?.kill();
      await sleep(random.integer(0, beyondLeasesMs + 500));
      await world.server('Redis').restart();
    }
  },
  ...[
    ['a day behind', ['-1d', null]],
    ['a day ahead', ['+1d', null]],
    ['half as fast again', ['+0 x1.5', '+0 x0.7']]
  ].map(([how, clocks]): Fault => ({
    row: 'clock',
    name: `the clock of the manager is ${String(how)}, and another one takes over`,
    needs: ['standby', 'other clocks'],
    clocks: clocks as readonly (string | null)[],
    strike: async (world) => world.managers()[0]?.kill()
  })),
  {
    row: 'clock',
    name: 'the clocks of workers are a day off, and one is killed',
    needs: ['remote workers', 'other clocks'],
    workerClocks: ['-1d', '+1d', '+0 x1.5'],
    strike: async (world, random) => oneOf(world.workers(), random)?.kill()
  }
];

/** Those that a topology can be struck by. @param only - A row, or a part of a name; `null`: all. */
export function faultsFor(offers: ReadonlySet<Need>, only: string | null): readonly Fault[] {
  return faults.filter(
    ({ row, name, needs }) =>
      needs.every((need) => offers.has(need)) && (only === null || row === only || name.includes(only))
  );
}

/** A link is half open, flaps and clogs. */
function partitions(name: LinkName): Fault[] {
  const needs: Readonly<Record<LinkName, readonly Need[]>> = {
    front: [],
    ledger: ['PostgreSQL'],
    engine: ['remote workers']
  };
  const common = { row: 'G4', needs: needs[name] };
  const eachWay = (['toServer', 'toClient'] as const).map((direction: Direction): Fault => ({
    ...common,
    name: `the ${name} hears ${direction === 'toServer' ? 'nothing' : 'but is not heard'}`,
    async strike(world, random) {
      for (const link of world.links(name)) link.drop(direction);
      await sleep(random.integer(100, beyondLeasesMs + 500));
    }
  }));
  return [
    ...eachWay,
    {
      ...common,
      name: `the ${name} flaps`,
      strike: (world, random) => onEach(world.links(name), (link) => play(link, drawFlapping(random, 6)))
    },
    {
      ...common,
      name: `the ${name} is clogged, in one way after the other`,
      strike: (world, random) => onEach(world.links(name), (link) => play(link, drawClogging(random, 8)))
    }
  ];
}

async function lostAnswers(links: readonly TcpProxy[], random: SeededRandom): Promise<void> {
  await several(random, async () => {
    for (const link of links) link.drop('toClient');
    await sleep(random.integer(20, 300));
    for (const link of links) {
      link.cut();
      await link.heal();
    }
  });
}

async function frozen(
  members: readonly (Member | undefined)[],
  random: SeededRandom,
  forMs = beyondLeasesMs + random.integer(0, 300)
): Promise<void> {
  for (const member of members) member?.freeze();
  await sleep(forMs);
  for (const member of members) member?.thaw();
}

/** One to three times, with pauses. */
async function several(random: SeededRandom, deed: () => Promise<void> | undefined): Promise<void> {
  for (let times = random.integer(1, 3); times > 0; times--) {
    await deed();
    await sleep(random.integer(0, 100));
  }
}

async function onEach(links: readonly TcpProxy[], deed: (link: TcpProxy) => Promise<void>): Promise<void> {
  await Promise.all(links.map(deed));
}

function linksOf(member: Member | undefined, name: LinkName): readonly TcpProxy[] {
  const link = member?.links.get(name);
  return link === undefined ? [] : [link];
}

function oneOf<T>(items: readonly T[], random: SeededRandom): T | undefined {
  return items.length === 0 ? undefined : random.pick(items);
}
