import type { Mutant } from './mutant.ts';
import { toolMutants } from './toolMutants.ts';

const machines = ['test/machines', 'test/ledger/lifecycle.test.ts'];
const races = ['test/fleetManager/refusedTurns.test.ts', 'test/fleetManager/races.test.ts'];
const autoscaling = ['test/fleetManager/autoscale.test.ts'];
const recovery = ['test/fleetManager/recovery.test.ts', 'test/fleetManager/batchResults.test.ts'];
const requests = ['test/dashboard/requests.test.ts'];
const limits = ['test/dashboard/limits.test.ts'];
const access = ['test/dashboard/access.test.ts'];
const queue = ['test/queue/taskQueue.test.ts', 'test/queue/originals.test.ts'];
const sqlite = ['test/stores/sqlite.test.ts', 'test/stores/memory.test.ts'];

/** By the part of the promise that each breaks. */
export const mutants: readonly Mutant[] = [
  // The fence.
  {
    name: 'a late completion is accepted',
    file: 'machines/taskMachine.ts',
    find: 'isCurrent: ({ context }, params: { attempt: number }) => params.attempt === context.attempt,',
    replace: 'isCurrent: () => true,',
    tests: ['test/machines/taskMachine.test.ts']
  },
  {
    name: 'a late failure is retried',
    file: 'machines/taskMachine.ts',
    find: '      params.attempt === context.attempt &&\n      params.error.retryable &&',
    replace: '      params.error.retryable &&',
    tests: ['test/machines/taskMachine.test.ts']
  },
  {
    name: 'a claim does not raise the fence',
    file: 'machines/taskMachine.ts',
    find: 'attempt: ({ context }) => context.attempt + 1,',
    replace: 'attempt: ({ context }) => context.attempt,',
    tests: ['test/machines/taskMachine.test.ts']
  },
  {
    name: 'a cancelled task completes when its handler returns',
    file: 'src/turn/turn.ts',
    find: "result: status === 'completed' ? result : null,",
    replace: 'result,',
    tests: ['test/fleetManager/cancellation.test.ts']
  },
  // Workers that die.
  {
    name: 'what a lost worker held is not queued again',
    file: 'src/agents/workerHealth.ts',
    find: 'of held) collect(',
    replace: 'of held.slice(1)) collect(',
    tests: ['test/fleetManager/heartbeats.test.ts']
  },
  {
    name: 'a handler that ended with its worker is stuck for ever',
    file: 'src/turn/attemptRules.ts',
    find: '  endLate(turn, ledger, { seq, attempt });\n  const row = turn.task(seq);\n  if (row === undefined)',
    replace: '  const row = turn.task(seq);\n  if (row === undefined)',
    tests: ['test/fleetManager/heartbeats.test.ts']
  },
  {
    name: 'time for which this process stood still makes workers silent',
    file: 'src/agents/workerHealth.ts',
    find: 'const now = active.now();',
    replace: 'const now = this.#options.clock.monotonic();',
    tests: ['test/fleetManager/heartbeats.test.ts']
  },
  {
    name: 'an unresponsive worker is given tasks',
    file: 'src/ledger/roster.ts',
    find: "      case 'worker.withdrawn':\n      case 'worker.unresponsive':\n",
    replace: "      case 'worker.unresponsive':\n        return;\n      case 'worker.withdrawn':\n",
    tests: ['test/fleetManager/heartbeats.test.ts']
  },
  {
    name: 'a store takes the turn of an owner who was replaced',
    file: 'src/stores/sqlite/commitWriter.ts',
    find: ' AND coalesce(turn, 0) < ?1',
    replace: '',
    tests: sqlite
  },

  // Commit before effect.
  {
    name: 'effects leave before the commit has answered',
    file: 'src/journal/commits.ts',
    find: '      await committing;\n',
    replace: '      committing.catch(() => {});\n',
    tests: ['test/fleetManager/storeFaults.test.ts', ...races]
  },
  {
    name: 'a refused turn is not undone',
    file: 'src/journal/commits.ts',
    find: '    this.#undecided = null;\n    this.#undo(turn);\n    const kept',
    replace: '    this.#undecided = null;\n    const kept',
    tests: races
  },
  {
    name: 'the inputs of a refused turn are forgotten',
    file: 'src/journal/commits.ts',
    find: '    this.#options.inbox.putBack(kept);',
    replace: '',
    tests: races
  },
  {
    name: 'an unknown commit is taken for a refused one',
    file: 'src/journal/commits.ts',
    find: "} else if (!(error instanceof StoreError && error.outcome === 'unknown')) {",
    replace: '} else {',
    tests: ['test/fleetManager/storeFaults.test.ts', ...races]
  },
  {
    name: 'an unknown commit is taken for a committed one',
    file: 'src/journal/commits.ts',
    find: '(head?.turn ?? 0) <= ledger.head.turn',
    replace: '(head?.turn ?? 0) < ledger.head.turn',
    tests: ['test/fleetManager/storeFaults.test.ts', ...races]
  },
  {
    name: 'the caller of a refused submission is told nothing',
    file: 'src/journal/commits.ts',
    find: '      else this.#options.refuse(input, error as Error);',
    replace: '',
    tests: ['test/fleetManager/storeFaults.test.ts']
  },
  {
    name: 'a started task has the limit of its commit charged to it',
    file: 'src/journal/journal.ts',
    find: '      this.ledger.arm(turn.started, this.#limits());\n',
    replace: '',
    tests: ['test/fleetManager/timeouts.test.ts', ...races]
  },

  // Attempts, retries, budgets.
  {
    name: 'a task is retried once too often',
    file: 'machines/taskMachine.ts',
    find: 'context.failures < (context.maxRetries ?? params.policy.maxRetries)',
    replace: 'context.failures <= (context.maxRetries ?? params.policy.maxRetries)',
    tests: machines
  },
  {
    name: 'an attempt that was lost is charged as a failure',
    file: 'machines/taskMachine.ts',
    find: 'recordRecovery: assign({\n      recoveries: ({ context }) => context.recoveries + 1,',
    replace: 'recordRecovery: assign({\n      failures: ({ context }) => context.failures + 1,',
    tests: machines
  },
  {
    name: 'a poisonous task is tried for ever',
    file: 'machines/taskMachine.ts',
    find: 'params.attempt === context.attempt && context.recoveries < params.policy.maxRecoveries',
    replace: 'params.attempt === context.attempt',
    tests: machines
  },
  {
    name: 'a stop is charged to the attempts that it cuts',
    file: 'src/turn/attemptRules.ts',
    find: "turn.stepTask(row, { type: 'attempt.released', attempt, at });",
    replace: 'loseAttempt(turn, { type: "attempt.lost", seq, attempt, reason: "stop" });',
    tests: ['test/fleetManager/stopping.test.ts']
  },
  {
    name: 'a retry forgets its priority',
    file: 'src/ledger/ledger.ts',
    find: "if (after.state === 'queued') this.queue.push(after.context);",
    replace:
      "if (after.state === 'queued') this.queue.push({ ...after.context, priority: after.context.attempt > 0 ? 0 : after.context.priority });",
    tests: ['test/fleetManager/queueing.test.ts', 'test/fleetManager/retries.test.ts']
  },
  {
    name: 'backoff does not grow',
    file: 'machines/retryPolicy.ts',
    find: 'baseMs * factor ** (retry - 1)',
    replace: 'baseMs * factor ** 0',
    tests: ['test/machines/retryPolicy.test.ts']
  },
  {
    name: 'tasks of a batch that is being cancelled are started',
    file: 'src/turn/attemptRules.ts',
    find: "  return state !== 'paused' && state !== 'cancelling';",
    replace: "  return state !== 'paused';",
    tests: ['test/fleetManager/cancellation.test.ts']
  },
  {
    name: 'cancelling a running task does not abort its handler',
    file: 'src/turn/taskRules.ts',
    find: '  if (isHeld(row.state)) {\n    turn.aborts.push',
    replace: '  if (false) {\n    turn.aborts.push',
    tests: ['test/fleetManager/cancellation.test.ts']
  },
  {
    name: 'a blocked event loop times attempts out',
    file: 'src/journal/activeClock.ts',
    find: 'return this.#clock.monotonic() - paused;',
    replace: 'return this.#clock.monotonic();',
    tests: ['test/journal/activeClock.test.ts']
  },

  // What depends on what.
  {
    name: 'a task starts when one of those that it depends on has completed',
    file: 'src/turn/dependencyRules.ts',
    find: '} else if (told.isLast) turn.stepTask',
    replace: '} else turn.stepTask',
    tests: ['test/fleetManager/dependencies.test.ts']
  },
  {
    name: 'what settled before a crash is told to nobody',
    file: 'src/journal/recovery.ts',
    find: '    for (const row of rows) dependents.settle(row);\n',
    replace: '',
    tests: ['test/fleetManager/dependencies.test.ts']
  },
  {
    name: 'a refused turn keeps what it told dependents',
    file: 'src/turn/turn.ts',
    find: '    for (const told of this.#told.toReversed()) this.#ledger.dependents.untell(told);\n',
    replace: '',
    tests: ['test/fleetManager/dependencies.test.ts']
  },
  {
    name: 'two tasks of one turn have one idempotency key',
    file: 'src/turn/turn.ts',
    find: '    if (idempotencyKey !== null) this.#newKeyHolders.set(idempotencyKey, seq);\n',
    replace: '',
    tests: ['test/fleetManager/idempotency.test.ts']
  },

  // Slots.
  {
    name: 'autoscaling drains workers that hold something',
    file: 'src/agents/autoscaling.ts',
    find: 'if (isHolding) busy.add(slot);',
    replace: 'if (isHolding) busy.delete(slot);',
    tests: autoscaling
  },
  {
    name: 'workers that autoscaling lets go are given tasks',
    file: 'src/agents/autoscaling.ts',
    find: 'if (spare.has(slot)) roster.setAccepting(workerId, false);',
    replace: 'if (spare.has(slot)) roster.setAccepting(workerId, true);',
    tests: autoscaling
  },
  {
    name: 'autoscaling forgets how many workers were busy',
    file: 'src/agents/autoscaling.ts',
    find: 'this.#watch.peak = Math.max(this.#watch.peak, busy);',
    replace: 'this.#watch.peak = busy;',
    tests: autoscaling
  },
  {
    name: 'autoscaling turns round within a cooldown',
    file: 'machines/autoscalerMachine.ts',
    find: "      context.direction === 'up' && isOverloaded(context.policy!, params),",
    replace: '      isOverloaded(context.policy!, params),',
    tests: ['test/machines/autoscalerMachine.test.ts', ...autoscaling]
  },
  {
    name: 'autoscaling undoes a manual scaling after a restart',
    file: 'machines/autoscalerMachine.ts',
    find: 'manual: input.restored?.manual ?? false,',
    replace: 'manual: false,',
    tests: ['test/machines/autoscalerMachine.test.ts', ...autoscaling]
  },
  {
    name: 'workers of a process that died are busy for ever',
    file: 'src/ledger/roster.ts',
    find: '    this.#refresh(place);\n    if (place.slot === guestSlot && !place.isHolding) this.#places.delete(place.workerId);',
    replace:
      '    if (place.slot === guestSlot && !isHolding(place)) this.#places.delete(place.workerId);\n    else this.#refresh(place);',
    tests: autoscaling
  },
  {
    name: 'what is asked in the same breath as a task comes before it',
    file: 'src/submission/submissions.ts',
    find: 'prepared instanceof Promise ? await prepared : prepared;',
    replace: 'await prepared;',
    tests: ['test/fleetManager/cancellation.test.ts']
  },
  {
    name: 'what somebody sets while a commit is under way is taken for durable',
    file: 'src/agents/agentSnapshots.ts',
    find: 'this.#autoscalerContext = this.#offeredAutoscaler;',
    replace: "this.#autoscalerContext = snapshotOf(fleet, 'autoscaler')?.context;",
    tests: autoscaling
  },
  {
    name: 'a handler that ignores its abort gives its place away at once',
    file: 'src/ledger/roster.ts',
    find: 'place.capacity - place.attempts.size - place.lingering.size,',
    replace: 'place.capacity - place.attempts.size,',
    tests: ['test/fleetManager/timeouts.test.ts']
  },
  {
    name: 'a refused claim keeps its place',
    file: 'src/turn/turn.ts',
    find: '    for (const row of this.started) this.#ledger.roster.restore(row);\n',
    replace: '',
    tests: races
  },
  {
    name: 'a worker whose handler hangs is not replaced',
    file: 'src/turn/turn.ts',
    find: '    this.wedgedWorkers.push(attempt.workerId);\n',
    replace: '',
    tests: ['test/fleetManager/timeouts.test.ts']
  },
  {
    name: 'a hanging handler beyond maxStuck is never looked at again',
    file: 'src/turn/attemptRules.ts',
    find: '  for (const key of ledger.overdue) giveUp(turn, ledger, key);\n',
    replace: '',
    tests: ['test/fleetManager/timeouts.test.ts']
  },
  {
    name: 'after scaling down as much runs as before',
    file: 'src/turn/attemptRules.ts',
    find: '    if (turn.held + ledger.lingering.size >= most) return;\n',
    replace: '    if (most === 0) return;\n',
    tests: ['test/fleetManager/scaling.test.ts']
  },

  // Recovery.
  {
    name: 'deadlines of tasks that back off are not armed after a restart',
    file: 'src/ledger/ledger.ts',
    find: '    this.move(undefined, row, limits);\n',
    replace: "    if (row.state !== 'backingOff') this.move(undefined, row, limits);\n",
    tests: recovery
  },
  {
    name: 'a batch that was being cancelled is forgotten by a restart',
    file: 'src/ledger/ledger.ts',
    find: "    if (row.state === 'cancelling') this.sweeps.set(row.context.id, row.context.firstSeq);\n",
    replace: '',
    tests: recovery
  },
  {
    name: 'attempts of the process that died are not given back',
    file: 'src/journal/recovery.ts',
    find: '    for (const input of await reattach(executor, rows)) collect(input);\n',
    replace: '',
    tests: recovery
  },
  {
    name: 'a paused fleet runs after a restart',
    file: 'machines/fleetMachine.ts',
    find: 'wasPaused: (_, params: Recovered) => params.fleet?.paused === true,',
    replace: 'wasPaused: () => false,',
    tests: ['test/fleetManager/stopping.test.ts', ...recovery]
  },
  {
    name: 'a changed config is lost by a restart',
    file: 'machines/fleetMachine.ts',
    find: 'params.fleet === null ? context.config : mergeConfig(context.declared, params.fleet)',
    replace: 'context.config',
    tests: recovery
  },
  {
    name: 'statistics begin anew after a restart',
    file: 'src/journal/recovery.ts',
    find: '    ledger.head = stored.head;\n',
    replace: '    ledger.head = { ...stored.head, stats: ledger.head.stats };\n',
    tests: recovery
  },
  {
    name: 'the coordinator counts results twice after a restart',
    file: 'src/journal/recovery.ts',
    find: 'await store.sumResults(scope, settledSeq)',
    replace: 'await store.sumResults(scope, 0)',
    tests: ['test/fleetManager/coordinator.test.ts', ...recovery]
  },
  {
    name: 'a turn of another owner is taken for one whose commit was unknown',
    file: 'src/journal/commits.ts',
    find: 'if (!isDeepStrictEqual(head, attempted.head)) {',
    replace: 'if (false) {',
    tests: ['test/fleetManager/standby.test.ts']
  },
  {
    name: 'a fleet that is stopped while it stands by keeps what it takes',
    file: 'src/journal/ownership.ts',
    find: '    await this.#standingBy;\n',
    replace: '',
    tests: ['test/fleetManager/standby.test.ts']
  },
  {
    name: 'a submission that waits for room holds up what would cancel it',
    file: 'src/fleet/commandInbox.ts',
    find: 'if (isSubmission(received.command)) void obey(inbox, received);',
    replace: 'if (false) void obey(inbox, received);',
    tests: ['test/client/fleetClient.test.ts']
  },
  {
    name: 'the store is not given up by a stop',
    file: 'src/journal/ownership.ts',
    find: '      this.#releasing = this.#options.store.release(this.#options.scope);\n',
    replace: '',
    tests: ['test/fleetManager/stopping.test.ts', ...recovery]
  },
  {
    name: 'two processes own one store',
    file: 'src/stores/sqlite/storeDriver.ts',
    find: '    this.#lock.acquire(() => this.#nameOwner());\n',
    replace: '',
    tests: sqlite
  },

  // Submissions.
  {
    name: 'the same task submitted again is a second one',
    file: 'src/turn/admission.ts',
    find: '  if (isSame) return true;\n',
    replace: '  if (isSame) return false;\n',
    tests: ['test/fleetManager/singleTasks.test.ts', 'test/fleetManager/resubmission.test.ts']
  },
  {
    name: 'another task under a taken id is swallowed',
    file: 'src/turn/admission.ts',
    find: '    payload.data === data &&\n',
    replace: '',
    tests: ['test/fleetManager/singleTasks.test.ts', 'test/fleetManager/resubmission.test.ts']
  },
  {
    name: 'a full queue takes more',
    file: 'src/turn/admission.ts',
    find: '  return Math.min(count, Math.max(0, maxQueueSize - turn.waiting));',
    replace: '  return count;',
    tests: ['test/fleetManager/queueing.test.ts']
  },
  {
    name: 'a submission that waits for room is forgotten',
    file: 'src/journal/journal.ts',
    find: '    this.#inbox.defer(turn.deferred);\n',
    replace: '',
    tests: ['test/fleetManager/queueing.test.ts']
  },
  {
    name: 'the last tasks come first',
    file: 'src/ledger/priorityQueue.ts',
    find: 'if (left.score !== right.score) return left.score > right.score ? -1 : 1;',
    replace: 'if (left.score !== right.score) return left.score > right.score ? 1 : -1;',
    tests: ['test/ledger/priorityQueue.test.ts']
  },
  {
    name: 'a worker takes tasks whose tags it lacks',
    file: 'src/validation/tags.ts',
    find: 'return tags.every((tag) => offered.has(tag));',
    replace: 'return tags.every((tag) => offered.has(tag) || offered.size === 0);',
    tests: ['test/fleetManager/tags.test.ts', 'test/fleetManager/routing.test.ts']
  },
  {
    name: 'tasks do not age',
    file: 'src/ledger/priorityQueue.ts',
    find: 'this.priority * ageingMs - this.readyAt',
    replace: 'this.priority',
    tests: ['test/fleetManager/ageing.test.ts']
  },
  {
    name: 'a type may be started faster than its rate',
    file: 'src/ledger/typeUse.ts',
    find: 'return log === undefined || log.freeAt <= activeNow;',
    replace: 'return log === undefined || log.claimed >= 0;',
    tests: ['test/fleetManager/typeLimits.test.ts', 'test/fleetManager/routing.test.ts']
  },
  {
    name: 'a refused turn uses up the rates of its types',
    file: 'src/turn/turn.ts',
    find: '    this.#ledger.typeUse.forgetClaims();\n',
    replace: '',
    tests: ['test/fleetManager/typeLimits.test.ts']
  },
  {
    name: 'a restart lets a rate begin anew',
    file: 'src/journal/recovery.ts',
    find: 'clock.now() - startedBy',
    replace: 'clock.now()',
    tests: ['test/fleetManager/typeLimits.test.ts']
  },
  {
    name: 'a type at its limit is never started again by itself',
    file: 'src/journal/fleetAlarm.ts',
    find: 'isDispatching ? typeUse.nextStartAt(activeNow, (type) => queue.hasType(type)) : Infinity',
    replace: 'Infinity',
    tests: ['test/fleetManager/typeLimits.test.ts']
  },
  {
    name: 'a batch settles while its tasks still come',
    file: 'machines/batchMachine.ts',
    find: "        'tasks.counted': { actions: { type: 'recordCounts', params: ({ event }) => event } },\n        'batch.seal'",
    replace:
      "        'tasks.counted': { target: 'pending', actions: { type: 'recordCounts', params: ({ event }) => event } },\n        'batch.seal'",
    tests: ['test/machines/batchMachine.test.ts']
  },

  // What the disk is asked for.
  {
    name: '“full” does not wait for the disk',
    file: 'src/stores/sqlite/storeFile.ts',
    find: "full: 'FULL'",
    replace: "full: 'NORMAL'",
    tests: ['test/reliability/powercut.test.ts']
  },
  {
    name: 'rows are not compared with their checksums',
    file: 'src/stores/sqlite/rowCheck.ts',
    find: 'if (cells[at] !== sumOfPicked(scope, cells, picks)) return false;',
    replace: 'if (cells[at] === sumOfPicked(-1, [], picks)) return false;',
    tests: ['test/stores/sqlite/bitFlips.test.ts']
  },
  {
    name: 'rows that an index hides are not missed',
    file: 'src/journal/recovery.ts',
    find: 'const problem = counts.problem(head, batches);',
    replace: 'const problem = null as string | null;',
    tests: ['test/fleetManager/damagedRows.test.ts']
  },
  {
    name: 'a log that was cut short is taken for whole',
    file: 'src/stores/sqlite/storeFile.ts',
    find: '        if (isFull) requireTurns(database, this.#mark);\n',
    replace: '',
    tests: ['test/stores/sqlite/walLog.test.ts']
  },
  {
    name: 'retention removes what has not settled',
    file: 'src/stores/sqlite/remover.ts',
    find: 'AND name = ? AND state IN ${finalStates}`;\nconst begin',
    replace: 'AND name = ?`;\nconst begin',
    tests: sqlite
  },
  {
    name: 'a removal that a crash interrupted is forgotten',
    file: 'src/journal/journal.ts',
    find: '    this.#removals.resume(stored.removing);\n',
    replace: '',
    tests: ['test/fleetManager/retention.test.ts']
  },
  {
    name: 'an error of a forgotten promise is nobody’s',
    file: 'src/executors/detachedErrors.ts',
    find: 'if (attempt !== undefined && outsideAttempts(() => attempt.takeDetached(error))) return;',
    replace: 'if (attempt !== undefined) return;',
    tests: ['test/executors']
  },
  {
    name: 'a claimed task whose payload is not in memory is never run',
    file: 'src/journal/startedAttempts.ts',
    find: 'const payload = turn.payload(seq) ?? payloads.get(seq);',
    replace: 'const payload = turn.payload(seq);',
    tests: recovery
  },
  {
    name: 'waiting tasks of a block are mixed up',
    file: 'src/ledger/taskKinds.ts',
    find: '    context.priority === kind.priority &&\n',
    replace: '',
    tests: ['test/ledger/taskTable.test.ts']
  },

  // Schedules.
  {
    name: 'times that a turn has no room for are lost',
    file: 'src/schedules/schedulePlan.ts',
    find: 'nextAt: rest ?? nextAt,',
    replace: 'nextAt,',
    tests: ['test/schedules']
  },
  {
    name: 'times of an interval that are passed over are not counted',
    file: 'src/schedules/schedulePlan.ts',
    find: 'const skipped = passed + keep;',
    replace: 'const skipped = keep;',
    tests: ['test/schedules']
  },
  {
    name: 'a schedule submits under a name that is taken',
    file: 'src/schedules/scheduleFiring.ts',
    find: "  if (isTaken) return skip({ at }, 'taken');\n",
    replace: '',
    tests: ['test/schedules']
  },
  {
    name: 'a removed scope leaves its turns in the mark',
    file: 'src/stores/sqlite/storeDriver.ts',
    find: '        this.#mark.forget(number);\n',
    replace: '',
    tests: ['test/stores/sqlite/storeDriver.test.ts']
  },
  {
    name: 'an agent whose start failed is handed out',
    file: 'src/agentRegistry.ts',
    find: '      this.#forget(live, name);\n      throw error;',
    replace: '      throw error;',
    tests: ['test/agentRegistry.test.ts']
  },

  // Leases.
  {
    name: 'a late worker ends the lease of the next one',
    file: 'src/executors/leases.ts',
    find: 'if (lease?.attempt.attempt !== attempt) throw FencedError.ofAttempt(key, attempt);',
    replace: 'if (lease === undefined) throw FencedError.ofAttempt(key, attempt);',
    tests: queue
  },
  {
    name: 'a lease never ends',
    file: 'src/executors/leases.ts',
    find: 'this.#deadlines.set(attempt.key, this.#active.now() + leaseMs);',
    replace: '',
    tests: queue
  },
  {
    name: 'the worker of a cancelled task may complete it',
    file: 'src/executors/leases.ts',
    find: '    this.#revoke(lease, cause.message);\n',
    replace: '',
    tests: queue
  },
  {
    name: 'whoever stops waiting loses the task that is being claimed for it',
    file: 'src/executors/leases.ts',
    find: 'if (this.#reports?.withdraw(id)) return',
    replace: 'this.#reports?.withdraw(id); return',
    tests: queue
  },
  {
    name: 'a claim for somebody who has gone is held by nobody',
    file: 'src/executors/leases.ts',
    find: 'if (request === undefined) this.#reports!.returned(attempt);',
    replace: 'if (request === undefined) continue;',
    tests: queue
  },
  {
    name: 'a request is forgotten with the refused turn that took it',
    file: 'src/turn/turn.ts',
    find: '    this.#ledger.requests.putBack(this.requests.values());\n',
    replace: '',
    tests: queue
  },
  {
    name: 'tasks that nobody wanted are never given to those who want them',
    file: 'src/turn/attemptRules.ts',
    find: '  queueWanted(turn, ledger);\n',
    replace: '',
    tests: queue
  },
  {
    name: 'what an executor took up again is held by nobody',
    file: 'src/ledger/roster.ts',
    find: 'this.get(context.workerId) ?? this.#invite(context.workerId!);\n',
    replace: 'this.get(context.workerId);\n    if (place === undefined) return;\n',
    tests: ['test/executors/reattached.test.ts']
  },
  // The live page.
  {
    name: 'any token opens the page',
    file: 'src/dashboard/access.ts',
    find: 'if (timingSafeEqual(hashOf(token), this.#tokenHash)) return true;',
    replace: "if (token !== '') return true;",
    tests: access
  },
  {
    name: 'tokens can be guessed without end',
    file: 'src/dashboard/access.ts',
    find: 'if (wrong.count >= maxWrong) {',
    replace: 'if (wrong.count > 1_000) {',
    tests: access
  },
  {
    name: 'a connection sends requests without end before it reads an answer',
    file: 'src/dashboard/unansweredRequests.ts',
    find: 'if (count <= this.#most) return true;',
    replace: 'if (count > 0) return true;',
    tests: requests
  },
  {
    name: 'a session never ends',
    file: 'src/dashboard/access.ts',
    find: 'if (endsAt > this.#clock.monotonic()) return true;',
    replace: 'return true;',
    tests: access
  },
  {
    name: 'reads are not protected',
    file: 'src/dashboard/authorization.ts',
    find: '(isRead && !protectReads)',
    replace: 'isRead',
    tests: access
  },
  {
    name: 'payloads are shown unasked',
    file: 'src/dashboard/shownValues.ts',
    find: 'if (this.#redact === undefined) return {};',
    replace: 'if (this.#redact === undefined) return values;',
    tests: access
  },
  {
    name: 'any host is answered',
    file: 'src/dashboard/requestRules.ts',
    find: 'return allowedHosts.includes(asked);',
    replace: 'return true;',
    tests: requests
  },
  {
    name: 'the last of two hosts is believed',
    file: 'src/dashboard/requestRules.ts',
    find: 'if (hosts.length > 1)',
    replace: 'if (hosts.length > 2)',
    tests: requests
  },
  {
    name: 'another page may ask',
    file: 'src/dashboard/originRules.ts',
    find: 'if (isOwnSite && (',
    replace: 'if (isOwnSite || (',
    tests: requests
  },
  {
    name: 'an origin that only ends like ours is ours',
    file: 'src/dashboard/originRules.ts',
    find: 'name.toLowerCase() === host?.toLowerCase()',
    replace: "name.toLowerCase().startsWith(host?.toLowerCase() ?? '')",
    tests: requests
  },
  {
    name: 'a form may change something',
    file: 'src/dashboard/pageApp.ts',
    find: "if (req.method === 'POST') checkContentType(req.raw.headers);\n",
    replace: '',
    tests: requests
  },
  {
    name: 'a body in chunks has no end',
    file: 'src/dashboard/requestBody.ts',
    find: 'if (bytes > maxBytes) throw tooLarge();',
    replace: '',
    tests: limits
  },
  {
    name: 'readers are without number',
    file: 'src/dashboard/eventStreams.ts',
    find: 'if (this.#clients.size >= maxClients) {',
    replace: 'if (this.#clients.size > 1_000) {',
    tests: limits
  },
  {
    name: 'a slow reader gets the oldest frame',
    file: 'src/dashboard/eventClient.ts',
    find: '    this.#pending = event;\n    this.#flush();',
    replace: '    this.#pending ??= event;\n    this.#flush();',
    tests: limits
  },
  {
    name: 'frames are made though nobody listens',
    file: 'src/dashboard/eventStreams.ts',
    find: 'if (this.#clients.size === 0) this.#unfollow();',
    replace: '',
    tests: ['test/dashboard/frames.test.ts']
  },
  {
    name: 'actions are without number',
    file: 'src/dashboard/places.ts',
    find: 'if (this.#taken >= this.#most) {',
    replace: 'if (this.#taken < 0) {',
    tests: limits
  },
  ...toolMutants
];
