export * from '../machines/index.ts';
export {
  createAgentRegistry,
  getAgentByName,
  type Agent,
  type AgentNames,
  type AgentNamespace,
  type AgentOf,
  type AgentOptions,
  type AgentRegistry,
  type AgentRegistryOptions,
  type AgentSource,
  type AgentSources,
  type RegistryMembers
} from './agentRegistry.ts';
export { systemClock, type Clock } from './clock.ts';
export type { DurationPercentiles } from './coordinator/durationSketch.ts';
export type { CoordinatorHost } from './coordinator/fleetCoordination.ts';
export type { HourStats } from './coordinator/hourlySums.ts';
export type { ResultPolicies, ResultRetention } from './coordinator/ownFleet.ts';
export type { TopWorker } from './coordinator/workerRanking.ts';
export {
  CoordinatorAgent,
  type CoordinatorOptions,
  type HourFilter,
  type ResultEntry,
  type ResultEntryFilter,
  type SubmittedTaskResult
} from './coordinatorAgent.ts';
export type { FleetOptions } from './createFleet.ts';
export * from './errors.ts';
export type { AbortCause, Attempt, Executor, ExecutorReports, Reattachment } from './executor.ts';
export { inProcess, type DetachedErrorPolicy, type InProcessOptions } from './executors/inProcess.ts';
export type { IsolatedOptions } from './executors/isolated.ts';
export type { LeaseRef } from './executors/leases.ts';
export { processes } from './executors/processes.ts';
export { threads } from './executors/threads.ts';
export type { EventFilter, EventStream } from './eventStream.ts';
export type { FactOf } from './fleetEvents.ts';
export type { FailedAttempt } from './fleetHooks.ts';
export { createFleetLogic, submitBatchEvent, type BatchEventOptions, type FleetLogic } from './fleetLogic.ts';
export { FleetManager, type FleetManagerOptions, type TaskFor } from './fleetManager.ts';
export {
  FleetReader,
  type BatchFilter,
  type ResultFilter,
  type TaskFilter,
  type TaskRef
} from './fleetReader.ts';
export type {
  AnyDataOf,
  AnyResultOf,
  DataOf,
  Handler,
  HandlerContext,
  Handlers,
  HandlerTask,
  ResultOf,
  SchemaHandler
} from './handler.ts';
export { HandlerRegistry, type RegisterOptions } from './handlerRegistry.ts';
export { compileLifecycle, type Lifecycle, type LifecycleOf } from './lifecycle.ts';
export { limits } from './limits.ts';
export type { ConfigPatch } from './options.ts';
export type { ShouldRetry } from './outcome.ts';
export type { ReadModel, ReadModelStore } from './readModel.ts';
export { withSchema } from './schema.ts';
export type { ScheduledFor, ScheduleTemplate } from './scheduleTemplate.ts';
export type {
  ScheduleDetails,
  ScheduleFilter,
  ScheduleOptions,
  ScheduleStatus,
  ScheduleTiming
} from './schedules.ts';
export type { StreamOptions } from './settlements.ts';
export { toSeedStatus, type SeedStatus } from './seedStatus.ts';
export type { FleetStats } from './stats.ts';
export type { StopOptions } from './stopOptions.ts';
export type * from './store.ts';
export { memoryStore } from './stores/memory.ts';
export type { BatchOptions } from './submissions.ts';
export type { TaskRequest } from './taskRequests.ts';
export type { SingleTaskOptions, StartOptions, Task, TaskOptions } from './task.ts';
export type { LeasedTask } from './leasedTask.ts';
export { TaskQueue, type DeadLetterFilter, type DequeueOptions, type QueueStatistics } from './taskQueue.ts';
export type { TaskQueueOptions } from './taskQueueOptions.ts';
export type { FleetStatistics, TaskView } from './views.ts';
export type { WaitOptions } from './waiting.ts';
export { WorkerAgent, type AnyWorkerAgent, type WorkerAgentInfo } from './workerAgent.ts';
export type { WorkerOptions } from './workerOptions.ts';
export { WorkerPool, type PoolStatistics, type WorkerPoolOptions } from './workerPool.ts';
export {
  WorkerRegistry,
  type RegisteredStatus,
  type RegisteredWorker,
  type RegisteredWorkerFilter,
  type Registration,
  type RegistryEvent,
  type WorkerRegistryOptions
} from './workerRegistry.ts';
export type { ExecutableTask, WorkerTask } from './workerTask.ts';
export type { WorkerFilter, WorkerInfo, WorkerInfoStatus, WorkerStatus } from './workerViews.ts';
