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
export type { FleetClient, RemoteFleetStatus } from './client/fleetClient.ts';
export { systemClock, type Clock } from './clock.ts';
export { connectFleet, type ConnectOptions } from './connectFleet.ts';
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
} from './coordinator/coordinatorAgent.ts';
export type { FleetOptions } from './createFleet.ts';
export type { Frame, FrameFailure, FrameLostWorker, FrameWorker } from './dashboard/frame.ts';
export type { LivePage } from './dashboard/livePages.ts';
export type { ServeOptions } from './dashboard/serveOptions.ts';
export * from './errors.ts';
export type {
  AbortCause,
  Attempt,
  Executor,
  ExecutorReports,
  HeldAttempt,
  JoinedWorker,
  Reattachment
} from './executor.ts';
export { inProcess, type DetachedErrorPolicy, type InProcessOptions } from './executors/inProcess.ts';
export type { IsolatedOptions } from './executors/isolated.ts';
export type { LeaseRef } from './executors/leases.ts';
export { processes } from './executors/processes.ts';
export { threads } from './executors/threads.ts';
export type { EventFilter, EventStream } from './fleet/eventStream.ts';
export type { FleetAccess } from './fleet/fleetAccess.ts';
export type { FleetState, StartingOptions } from './fleet/fleetActor.ts';
export type { FactOf } from './fleet/fleetEvents.ts';
export type { FailedAttempt } from './fleet/fleetHooks.ts';
export { createFleetLogic, submitBatchEvent, type BatchEventOptions, type FleetLogic } from './fleetLogic.ts';
export { FleetManager } from './fleetManager.ts';
export {
  FleetReader,
  type BatchFilter,
  type ResultFilter,
  type TaskFilter,
  type TaskRef
} from './fleet/fleetReader.ts';
export type { FleetManagerOptions } from './fleet/managerOptions.ts';
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
} from './handlers/handler.ts';
export { HandlerRegistry, type RegisterOptions } from './handlers/handlerRegistry.ts';
export type { InspectionOptions } from './inspection/inspection.ts';
export type { Inspector } from './inspection/inspector.ts';
export type { RowSample, RowSamples, TaskSample } from './inspection/rowSamples.ts';
export { compileLifecycle, type Lifecycle, type LifecycleOf } from './ledger/lifecycle.ts';
export { limits } from './validation/limits.ts';
export type { ConfigPatch } from './options.ts';
export type { ShouldRetry } from './handlers/outcome.ts';
export type { ReadModel, ReadModelStore } from './journal/readModel.ts';
export { checkRecording, type RecordingCheck, type RecordingDifference } from './recording/checkRecording.ts';
export { readRecording, type ReadRecordingOptions } from './recording/readRecording.ts';
export type {
  RecordedMachine,
  RecordedStep,
  RecordedTask,
  RecordedTurn,
  Recording,
  RecordingEnding,
  StepDetail
} from './recording/recording.ts';
export { RecordingError, type RecordingErrorCode } from './recording/recordingError.ts';
export { withSchema } from './submission/schema.ts';
export type { ScheduledFor, ScheduleTemplate } from './schedules/scheduleTemplate.ts';
export type {
  ScheduleDetails,
  ScheduleFilter,
  ScheduleOptions,
  ScheduleStatus,
  ScheduleTiming
} from './schedules/schedules.ts';
export type { StreamOptions } from './fleet/settlements.ts';
export { toSeedStatus, type SeedStatus } from './queue/seedStatus.ts';
export type { FleetStats } from './ledger/stats.ts';
export type { StopOptions } from './fleet/stopOptions.ts';
export type * from './store.ts';
export { memoryStore } from './stores/memory.ts';
export type { BatchOptions } from './submission/submitTasks.ts';
export type { TaskRequest } from './ledger/taskRequests.ts';
export type { SingleTaskOptions, StartOptions, Task, TaskOptions } from './submission/task.ts';
export type { TaskFor } from './submission/taskFor.ts';
export type { LeasedTask } from './queue/leasedTask.ts';
export {
  TaskQueue,
  type DeadLetterFilter,
  type DequeueOptions,
  type QueueStatistics
} from './queue/taskQueue.ts';
export type { TaskQueueOptions } from './queue/taskQueueOptions.ts';
export type { FleetStatistics, TaskView } from './fleet/views.ts';
export type { WaitOptions } from './fleet/waiting.ts';
export { WorkerAgent, type AnyWorkerAgent, type WorkerAgentInfo } from './workers/workerAgent.ts';
export type { WorkerOptions } from './workers/workerOptions.ts';
export { WorkerPool, type PoolStatistics, type WorkerPoolOptions } from './workers/workerPool.ts';
export {
  WorkerRegistry,
  type RegisteredStatus,
  type RegisteredWorker,
  type RegisteredWorkerFilter,
  type Registration,
  type RegistryEvent,
  type WorkerRegistryOptions
} from './workers/workerRegistry.ts';
export type { ExecutableTask, WorkerTask } from './workers/workerTask.ts';
export type { WorkerFilter, WorkerInfo, WorkerInfoStatus, WorkerStatus } from './agents/workerViews.ts';
