export { bullmqExecutor } from './bullmq/bullmqExecutor.ts';
export type { AddressOptions } from './bullmq/addressOptions.ts';
export type { BullmqExecutorOptions } from './bullmq/bullmqOptions.ts';
export { bullmqWorker, type RemoteWorker, type RemoteWorkerEvent } from './bullmq/remoteWorker.ts';
export type { RemoteWorkerOptions } from './bullmq/remoteWorkerOptions.ts';
export { UnfitServerError } from './bullmq/unfitServerError.ts';
