export * from '../machines/index.ts';
export { systemClock, type Clock } from './clock.ts';
export {
  CoordinatorAgent,
  type ResultEntry,
  type ResultEntryFilter,
  type SubmittedTaskResult
} from './coordinatorAgent.ts';
export type { FleetOptions } from './createFleet.ts';
export * from './errors.ts';
export type { AbortCause, Attempt, Executor, ExecutorReports, Reattachment } from './executor.ts';
export { inProcess, type DetachedErrorPolicy, type InProcessOptions } from './executors/inProcess.ts';
export type { LeaseRef } from './executors/leases.ts';
export type { EventFilter, EventStream } from './eventStream.ts';
export type { FactOf } from './fleetEvents.ts';
export { createFleetLogic, submitBatchEvent, type FleetLogic } from './fleetLogic.ts';
export { FleetManager, type BatchOptions, type FleetManagerOptions, type TaskFor } from './fleetManager.ts';
export {
  FleetReader,
  type BatchFilter,
  type ResultFilter,
  type TaskFilter,
  type TaskRef
} from './fleetReader.ts';
export type { DataOf, Handler, HandlerContext, Handlers, HandlerTask, ResultOf } from './handler.ts';
export { HandlerRegistry, type RegisterOptions } from './handlerRegistry.ts';
export { compileLifecycle, type Lifecycle, type LifecycleOf } from './lifecycle.ts';
export { limits } from './limits.ts';
export type { ConfigPatch } from './options.ts';
export type { ShouldRetry } from './outcome.ts';
export type { ReadModel, ReadModelStore } from './readModel.ts';
export { toSeedStatus, type SeedStatus } from './seedStatus.ts';
export type { FleetStats } from './stats.ts';
export type { StopOptions } from './stopOptions.ts';
export type * from './store.ts';
export { memoryStore } from './stores/memory.ts';
export type { TaskRequest } from './taskRequests.ts';
export type { SingleTaskOptions, Task, TaskOptions } from './task.ts';
export {
  TaskQueue,
  type DeadLetterFilter,
  type DequeueOptions,
  type LeasedTask,
  type QueueStatistics,
  type TaskQueueOptions
} from './taskQueue.ts';
export type { FleetStatistics, TaskView, WorkerInfo } from './views.ts';
export type { WaitOptions } from './waiting.ts';
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
