import type { Operation, OperationOf } from './plan.ts';
import type { SimulatedTask } from './submissions.ts';
import type { World } from './world.ts';
import type { SimulatedFleet } from './fleetProcess.ts';
import { fenced } from './storeFaults.ts';

/** Carries an operation out. What it asks is answered later; what has become meaningless does nothing. */
export async function carryOut(world: World, operation: Operation): Promise<void> {
  switch (operation.do) {
    case 'crash':
      return crash(world, operation);
    case 'stop':
      return stop(world, operation);
    case 'failCommits':
      return void world.faults.commits.push(...operation.faults);
    case 'loseOwnership':
      return loseOwnership(world, operation);
    case 'failReads':
      return void (world.faults.reads += operation.count);
    case 'jump':
      world.jumpedAt = world.clock.monotonic();
      world.attempts.forgetStarts();
      return world.clock.jump(operation.ms);
    case 'block':
      return world.clock.block(operation.ms);
    default:
      if (world.fleet !== null) ask(world, world.fleet, operation);
  }
}

/** Submits the batch's tasks as they were submitted before. */
export function resubmit({ calls, submissions }: World, fleet: SimulatedFleet, batchId: string): void {
  const tasks = submissions.batch(batchId);
  if (tasks === undefined) return;
  calls.track(
    `resubmit ${batchId}`,
    () => fleet.submitBatch(tasks, { batchId }),
    () => submissions.acknowledgeBatch(batchId, tasks)
  );
}

type Asked = Exclude<
  Operation,
  OperationOf<'crash' | 'stop' | 'failCommits' | 'failReads' | 'loseOwnership'>
>;

function ask(world: World, fleet: SimulatedFleet, operation: Exclude<Asked, { do: 'jump' | 'block' }>): void {
  const { calls, attempts, submissions, witness } = world;
  switch (operation.do) {
    case 'submitBatch':
      return submitBatch(world, fleet, operation);
    case 'submitTask':
      return submitTask(world, fleet, operation);
    case 'submitOnce':
      return submitOnce(world, fleet, operation);
    case 'schedule':
      return schedule(world, fleet, operation);
    case 'pauseSchedule':
      return calls.track(`pauseSchedule ${operation.id}`, () => fleet.pauseSchedule(operation.id));
    case 'resumeSchedule':
      return calls.track(`resumeSchedule ${operation.id}`, () => fleet.resumeSchedule(operation.id));
    case 'unschedule':
      return calls.track(`unschedule ${operation.id}`, () => fleet.unschedule(operation.id));
    case 'resubmit':
      return operation.altered
        ? submitAltered(world, fleet, operation.id)
        : resubmit(world, fleet, operation.id);
    case 'cancelTask': {
      const { key } = operation;
      return calls.track(
        `cancelTask ${key}`,
        () => fleet.cancelTask(key),
        (found) => {
          // Otherwise it still waited for room: it never came in, and may be submitted again.
          if (found && witness.rows.has(key)) attempts.cancel(key);
        }
      );
    }
    case 'cancelBatch': {
      const { id } = operation;
      return calls.track(
        `cancelBatch ${id}`,
        () => fleet.cancelBatch(id),
        (found) => {
          if (found && witness.batches.has(id)) attempts.cancel(id);
        }
      );
    }
    case 'pauseBatch':
      return calls.track(`pauseBatch ${operation.id}`, () => fleet.pauseBatch(operation.id));
    case 'resumeBatch':
      return calls.track(`resumeBatch ${operation.id}`, () => fleet.resumeBatch(operation.id));
    case 'removeBatch':
      return calls.track(`removeBatch ${operation.id}`, () => fleet.removeBatch(operation.id));
    case 'follow':
      return calls.track(`follow ${operation.id}`, () => follow(world, fleet, operation.id));
    case 'retryBatch': {
      const { id, newId: batchId } = operation;
      return calls.track(`retryBatch ${id} as ${batchId}`, () => fleet.retryBatch(id, { batchId }));
    }
    case 'retryTask': {
      const { key, newId: id } = operation;
      const onAnswer = (copy: string): void => submissions.acknowledge(copy);
      return calls.track(`retryTask ${key}`, () => fleet.retryTask(key, { id }), onAnswer);
    }
    case 'submitResult': {
      const { workerId, taskId, success } = operation;
      const result = { taskId, success, duration: 1, timestamp: world.clock.now() };
      return calls.track(`submitResult ${taskId}`, () => fleet.coordinator.submitResult(workerId, result));
    }
    case 'pause':
      return calls.track('pause', () => fleet.pause());
    case 'resume':
      return calls.track('resume', () => fleet.resume());
    case 'scale':
      return calls.track(`scale ${operation.count}`, () => fleet.scaleWorkers(operation.count));
    case 'configure':
      return calls.track('configure', () => fleet.updateConfig(operation.patch));
  }
}

function crash(world: World, { when, downMs }: OperationOf<'crash'>): void {
  if (when === 'now') world.crash(downMs);
  else world.faults.death = when;
}

/** Stops the fleet, and starts it again later, in the same process or in another one. */
function stop(world: World, { graceful, timeoutMs, downMs, again }: OperationOf<'stop'>): void {
  const { process, clock, calls, findings, attempts } = world;
  if (process === null || !process.isServing) return;
  process.isServing = false;
  calls.track(
    'stop',
    () => process.fleet.stop({ graceful, timeoutMs }),
    () => {
      // A handler that ignores its abort runs on; the fleet that is started next knows nothing of it.
      attempts.abandon();
      // What those do who waited for the fleet is done within the same moment.
      clock.setAlarm(() => {
        if (!process.isAlive) return;
        if (process.clock.pending > 0) findings.add('leaked', `${process.clock.pending} alarms after a stop`);
        clock.setAlarm(() => {
          if (!process.isAlive) return;
          if (again === 'same') world.start(process);
          else world.crash(0);
        }, downMs);
      }, 0);
    }
  );
}

/** The fleet stands by meanwhile, and takes it back. */
function loseOwnership({ process, faults, clock }: World, operation: OperationOf<'loseOwnership'>): void {
  if (process === null || faults.isTakenOver) return;
  faults.isTakenOver = true;
  faults.isFenced = true;
  clock.setAlarm(() => (faults.isTakenOver = false), operation.awayMs);
  if (operation.hears === 'now') faults.tellOfLoss?.(fenced());
}

function submitBatch(world: World, fleet: SimulatedFleet, operation: OperationOf<'submitBatch'>): void {
  const { calls, submissions } = world;
  const { id: batchId, as, gapMs } = operation;
  const tasks = submissions.prepare(batchId, operation.tasks);
  const source = as === 'array' ? tasks : as === 'iterable' ? new Set(tasks) : streamOf(world, tasks, gapMs);
  calls.track(
    `submitBatch ${batchId}`,
    () => fleet.submitBatch(source, { batchId }),
    () => submissions.acknowledgeBatch(batchId, tasks)
  );
}

async function* streamOf({ clock }: World, tasks: readonly SimulatedTask[], gapMs: number) {
  for (const task of tasks) {
    if (gapMs > 0) await new Promise<void>((resolve) => void clock.setAlarm(resolve, gapMs));
    yield task;
  }
}

/** Other tasks under a taken id have to be refused. */
function submitAltered(
  { calls, submissions, witness, findings }: World,
  fleet: SimulatedFleet,
  batchId: string
) {
  const tasks = submissions.batch(batchId) ?? [];
  if (tasks.length === 0 || !witness.rows.has(`${batchId}/${tasks[0]!.id}`)) return;
  const altered = tasks.map((task) => ({ ...task, metadata: 'altered' }));
  calls.track(
    `alter ${batchId}`,
    () => fleet.submitBatch(altered, { batchId }),
    () => {
      if (witness.removedBatches.has(batchId)) submissions.forget(batchId);
      else findings.add('answer', `other tasks were accepted as batch ${batchId}`);
    }
  );
}

function submitTask(
  world: World,
  fleet: SimulatedFleet,
  { id, waits, task }: OperationOf<'submitTask'>
): void {
  const { calls, submissions, findings } = world;
  const { count: _, attempts, type = 'work', ...options } = task;
  const data = { name: id, attempts };
  if (!waits) {
    const onAnswer = (): void => submissions.acknowledge(id);
    return calls.track(`submitTask ${id}`, () => fleet.submitAsync(type, data, { id, ...options }), onAnswer);
  }
  calls.track(
    `submit ${id}`,
    () => fleet.submit(type, data, { id, ...options }),
    (result) => {
      submissions.acknowledge(id);
      if ((result as { name?: string }).name !== id) {
        findings.add('result', `${id} was answered ${JSON.stringify(result)}`);
      }
    }
  );
}

/** Whatever its id, the task of an idempotency key is always the same one. */
function submitOnce(
  { calls, submissions, findings }: World,
  fleet: SimulatedFleet,
  { id, idempotencyKey, attempts }: OperationOf<'submitOnce'>
): void {
  const data = { name: idempotencyKey, attempts };
  calls.track(
    `submitOnce ${id}`,
    () => fleet.submitAsync('work', data, { id, idempotencyKey }),
    ({ key }) => {
      submissions.acknowledge(key);
      const first = submissions.holderOf(idempotencyKey, key);
      if (first !== key) findings.add('answer', `"${idempotencyKey}" is ${key}, and was ${first}`);
    }
  );
}

function schedule(
  { calls, submissions, findings, witness }: World,
  fleet: SimulatedFleet,
  { id, everyMs, tasks: plan, ...options }: OperationOf<'schedule'>
): void {
  const tasks = submissions.tasksOf(plan, id);
  // A plan that is being shrunk may have none.
  const [first] = tasks;
  if (first === undefined) return;
  const { id: _, dependsOn: __, type, data, ...others } = first;
  const template = tasks.length > 1 ? { tasks } : { type, data, options: others };
  const { catchUp, overlap, maxRuns } = options;
  calls.track(
    `schedule ${id}`,
    () => fleet.schedule(id, { everyMs }, template, { catchUp, overlap, maxRuns }),
    () => {
      if (!witness.schedules.knows(id))
        findings.add('lost', `schedule ${id}: acknowledged before it was durable`);
    }
  );
}

/** Reads a batch's results to their end: each once, in order. */
async function follow({ witness, findings }: World, fleet: SimulatedFleet, batchId: string): Promise<void> {
  let last = 0;
  let count = 0;
  for await (const { settledSeq, key } of fleet.streamBatchResults(batchId)) {
    if (settledSeq <= last)
      findings.add('order', `the stream of ${batchId} gave ${key} after result ${last}`);
    last = settledSeq;
    count += 1;
  }
  const total = witness.batches.get(batchId)?.context.totalTasks ?? count;
  if (count !== total) findings.add('lost', `the stream of ${batchId} gave ${count} results of ${total}`);
}
