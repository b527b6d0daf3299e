/** Places between two durable steps at which a process is killed. Each is passed again and again in its life. */
export const crashPoints = [
  // Submitting
  'submit: before its commit',
  'submit: committed, not acknowledged',
  'array: between two chunks',
  'stream: between two chunks',
  'settings: committed, not acknowledged',
  // Running
  'claim: committed, no handler started',
  'claim: committed, some handlers started',
  'handler: before its effect',
  'handler: after its effect',
  'completion: before its commit',
  'completion: committed, not told',
  'retry: committed, no alarm set',
  'timeout: committed, not aborted',
  // Cancelling and removing
  'cancel: committed, not aborted',
  'cancel: between two slices of a batch',
  'remove: before its first slice',
  'remove: between two slices',
  'remove: gone, not acknowledged',
  // Recovering
  'recovery: opened, nothing loaded',
  'recovery: loaded, no turn taken',
  'recovery: first turn committed',
  // Stopping
  'drain: between two commits',
  'stop: attempts released, not aborted',
  'close: before the last snapshots',
  'close: last snapshots committed',
  'close: store released'
] as const;

export type CrashPoint = (typeof crashPoints)[number];
