import type { BatchOptions, ConfigPatch, SubmittedTaskResult } from '../../../src/index.ts';
import { everyTag, faults, rate, types, type SoakWorld, type Work } from './soakWorld.ts';

interface DrawnTask {
  readonly id: string;
  readonly type: string;
  readonly data: Work;
}

/** What a soak may do next, with how often, as against the others. */
export const commands: readonly (readonly [weight: number, run: (world: SoakWorld) => unknown])[] = [
  [14, submitArray],
  [5, submitStream],
  [8, submitSingle],
  [20, advance],
  [4, (world) => onBatch(world, 'cancelBatch', (fleet, id) => fleet.cancelBatch(id))],
  [5, (world) => onBatch(world, 'pauseBatch', (fleet, id) => fleet.pauseBatch(id))],
  [5, (world) => onBatch(world, 'resumeBatch', (fleet, id) => fleet.resumeBatch(id))],
  [4, (world) => onBatch(world, 'removeBatch', (fleet, id) => fleet.removeBatch(id))],
  [2, (world) => onBatch(world, 'retryBatch', (fleet, id) => fleet.retryBatch(id))],
  [5, (world) => onTask(world, 'cancelTask', (fleet, key) => fleet.cancelTask(key))],
  [3, (world) => onTask(world, 'retryTask', (fleet, key) => fleet.retryTask(key))],
  [2, (world) => world.call('pause', world.fleet.pause())],
  [4, (world) => world.call('resume', world.fleet.resume())],
  [3, (world) => world.call('scaleWorkers', world.fleet.scaleWorkers(world.random.integer(1, 5)))],
  [8, updateConfig],
  [5, schedule],
  [3, changeSchedule],
  [2, registerLate],
  [3, loseWorker],
  [2, (world) => world.call('clear', world.fleet.coordinator.clear())],
  [2, submitResult],
  [2, (world) => world.call('updateMetadata', world.fleet.coordinator.updateMetadata({ n: world.names }))],
  [8, failCommit],
  [2, crash],
  [2, stop]
];

export const firstConfig = {
  maxConcurrentWorkers: 3,
  workerTimeout: 3_000,
  cancelGraceMs: 500,
  maxRecoveries: 1_000,
  ageingMs: 100,
  typeLimits: { rated: { rate }, narrow: { concurrency: 1 } },
  workerGroups: [
    { tags: ['eu'], workers: 1 },
    { tags: ['eu', 'gpu'], workers: 1 }
  ]
} satisfies ConfigPatch;

/** Config in which all that waits can run. */
export const openConfig = {
  ...firstConfig,
  autoscale: null,
  maxConcurrentWorkers: 6,
  maxQueueSize: null,
  retention: { maxAgeMs: null, maxBatches: null, maxResults: null }
} satisfies ConfigPatch;

function drawWork({ random }: SoakWorld): Work {
  const does = random.pick([
    'ends',
    'ends',
    'ends',
    'fails',
    'fails once',
    'sleeps',
    'sleeps',
    'dawdles',
    'hangs'
  ] as const);
  return { does, ms: random.pick([0, 1, 200, 600, 4_000]) };
}

function drawTask(world: SoakWorld, id: string, earlier: readonly string[]): DrawnTask {
  const { random } = world;
  const dependsOn = earlier.filter(() => random.chance(0.25));
  return {
    id,
    type: random.pick(types.filter((type) => type !== 'late' || world.hasLate)),
    data: drawWork(world),
    ...(random.chance(0.4) && { priority: random.pick([0, 5, 10, 20]) }),
    ...(random.chance(0.2) && { delayMs: random.pick([1, 300, 2_000]) }),
    ...(random.chance(0.3) && { tags: everyTag.filter(() => random.chance(0.5)) }),
    ...(random.chance(0.2) && { timeoutMs: random.pick([100, 700, 5_000]) }),
    ...(random.chance(0.3) && { maxRetries: random.integer(0, 2) }),
    ...(random.chance(0.1) && { idempotencyKey: `key-${random.integer(1, 12)}` }),
    ...(dependsOn.length > 0 && { dependsOn })
  };
}

function drawTasks(world: SoakWorld): DrawnTask[] {
  const tasks: DrawnTask[] = [];
  for (let left = world.random.integer(0, 7); left > 0; left--) {
    const earlier = tasks.map(({ id }) => id);
    tasks.push(drawTask(world, `t${tasks.length}`, earlier));
  }
  return tasks;
}

const submissions = new WeakMap<SoakWorld, Map<string, DrawnTask[]>>();

/** A new batch, or one that was submitted before. */
function drawBatch(world: SoakWorld): { tasks: DrawnTask[]; options: BatchOptions } {
  const known = submissions.get(world) ?? new Map<string, DrawnTask[]>();
  submissions.set(world, known);
  const again = world.random.chance(0.15) ? world.random.pick([...known.keys(), '']) : '';
  const batchId = again || `b${++world.names}`;
  const tasks = known.get(batchId) ?? drawTasks(world);
  known.set(batchId, tasks);
  return { tasks, options: { batchId } };
}

function submitArray(world: SoakWorld): void {
  const { tasks, options } = drawBatch(world);
  const shuffled = world.random.chance(0.3) ? tasks.toReversed() : tasks;
  world.call(`submit ${options.batchId}`, world.fleet.submitBatch(shuffled, options));
}

function submitStream(world: SoakWorld): void {
  const { tasks, options } = drawBatch(world);
  const pauses = tasks.map(() => world.random.pick([0, 0, 0, 50, 1_000]));
  const isBad = world.random.chance(0.1);
  async function* stream(): AsyncGenerator<DrawnTask> {
    for (const [index, task] of tasks.entries()) {
      const ms = pauses[index]!;
      if (ms > 0) await new Promise<void>((resolve) => world.clock.setAlarm(resolve, ms));
      yield task;
    }
    if (isBad) yield { id: '' } as DrawnTask;
  }
  world.call(`stream ${options.batchId}`, world.fleet.submitBatch(stream(), options));
}

function submitSingle(world: SoakWorld): void {
  const { type, data, ...options } = drawTask(world, `s${++world.names}`, []);
  world.call(`submit ${options.id}`, world.fleet.submitAsync(type, data, options));
}

async function advance({ clock, random }: SoakWorld): Promise<void> {
  await clock.advance(random.pick([0, 1, 10, 100, 500, 500, 2_000, 10_000]));
}

type Fleet = SoakWorld['fleet'];

function onBatch(world: SoakWorld, name: string, act: (fleet: Fleet, id: string) => Promise<unknown>): void {
  const id = world.random.pick(['none', ...world.batchIds.slice(-6)]);
  world.call(`${name} ${id}`, act(world.fleet, id));
}

function onTask(world: SoakWorld, name: string, act: (fleet: Fleet, key: string) => Promise<unknown>): void {
  const key = world.random.pick(['none', ...world.keys.slice(-20)]);
  world.call(`${name} ${key}`, act(world.fleet, key));
}

function updateConfig(world: SoakWorld): void {
  const { random } = world;
  const narrow = random.integer(1, 3);
  const patch = random.pick<() => ConfigPatch>([
    () => {
      world.concurrency.set('narrow', Math.max(world.concurrency.get('narrow') ?? 0, narrow));
      return { typeLimits: { rated: { rate }, narrow: { concurrency: narrow } } };
    },
    () => ({ typeLimits: { ...firstConfig.typeLimits, plain: { concurrency: random.integer(1, 2) } } }),
    () => ({ workerGroups: [{ tags: ['gpu'], workers: random.integer(1, 2) }] }),
    () => ({ workerGroups: firstConfig.workerGroups }),
    () => ({ ageingMs: random.pick([null, 1, 1_000]) }),
    () => ({ maxQueueSize: random.pick([null, 3, 8]), onQueueFull: random.pick(['wait', 'reject']) }),
    () => ({ autoscale: { minWorkers: 1, maxWorkers: 5, scaleUpThreshold: 2, cooldownMs: 1_000 } }),
    () => ({ autoscale: null }),
    () => ({ retention: { maxAgeMs: random.pick([null, 0, 5_000]), maxBatches: random.pick([null, 2]) } }),
    () => ({ maxRetries: random.integer(0, 3), retryFailedTasks: random.chance(0.8) }),
    () => ({ cancelGraceMs: random.pick([0, 500, 2_000]), maxStuck: random.pick([null, 0, 1]) }),
    () => ({ workerConcurrency: random.integer(1, 3), tasksPerWorker: random.pick([null, 1, 2]) }),
    () => ({ retry: { baseMs: random.pick([0, 100]), jitter: random.pick(['none', 'full']) } })
  ])();
  world.log.push(JSON.stringify(patch));
  world.call(
    'updateConfig',
    Promise.resolve().then(() => world.fleet.updateConfig(patch))
  );
}

function schedule(world: SoakWorld): void {
  const { random } = world;
  const id = `every-${random.integer(1, 3)}`;
  const timing = { everyMs: random.pick([1_000, 5_000]) };
  const options = {
    catchUp: random.pick(['none', 'last', 'all'] as const),
    overlap: random.pick(['allow', 'skip'] as const),
    ...(random.chance(0.5) && { maxRuns: random.integer(1, 6) })
  };
  const [first, ...others] = drawTasks(world).map(
    ({ idempotencyKey: _, ...task }: DrawnTask & { idempotencyKey?: string }) => task
  );
  if (first === undefined) return;
  const { type, data } = first;
  const template = random.chance(0.5) ? { type, data } : { tasks: [first, ...others] };
  world.call(`schedule ${id}`, world.fleet.schedule(id, timing, template, options));
}

function changeSchedule(world: SoakWorld): void {
  const id = `every-${world.random.integer(1, 3)}`;
  const { fleet } = world;
  const change = world.random.pick(['unschedule', 'pauseSchedule', 'resumeSchedule'] as const);
  world.call(`${change} ${id}`, fleet[change](id));
}

function registerLate(world: SoakWorld): void {
  if (world.hasLate) return;
  world.hasLate = true;
  world.fleet.registerHandler('late', world.handler('late'));
}

function loseWorker(world: SoakWorld): void {
  if (world.hasExecutor) world.loseWorker();
}

function submitResult(world: SoakWorld): void {
  const result: SubmittedTaskResult = {
    taskId: `r${world.random.integer(1, 20)}`,
    success: world.random.chance(0.5),
    type: 'outside',
    duration: 1,
    timestamp: world.clock.now(),
    attempts: 1
  };
  world.call('submitResult', world.fleet.coordinator.submitResult('elsewhere', result));
}

function failCommit(world: SoakWorld): void {
  const fault = world.random.pick(faults);
  world.log.push(fault);
  world.fail(fault);
}

async function crash(world: SoakWorld): Promise<void> {
  await world.crash();
  if (world.random.chance(0.5)) await world.clock.advance(world.random.pick([10, 3_000, 100_000]));
  await world.begin(firstConfig);
}

/** Gracefully or not, and the same fleet goes on. */
async function stop(world: SoakWorld): Promise<void> {
  await world.stop(world.random.chance(0.6));
  await world.clock.advance(world.random.pick([0, 2_000]));
  await world.start();
}
