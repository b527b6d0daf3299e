/**
 * Bounds of what is taken in, in one place, so that no single value can exhaust the process or the store.
 *
 * What is beyond them is refused by its path, but for texts that only tell: those are cut.
 */
export const limits = {
  /** Ids, types and names, bytes of UTF-8. */
  idBytes: 256,
  /** A tag of a task or a worker, characters, and how many one has. */
  tagLength: 64,
  tags: 16,
  /** Groups of workers, and types with a limit. */
  configEntries: 1_000,
  /** Data, metadata, progress and results: bytes of JSON text, each. */
  jsonBytes: 1_048_576,
  /** The same: levels of arrays and objects. */
  jsonDepth: 64,
  /** The same: values in all, so that parts that are shared a million times are refused in milliseconds. */
  jsonValues: 200_000,
  /** Tasks of one array, which is held and validated whole. An iterable of tasks has no limit. */
  arrayTasks: 1_000_000,
  /** Bytes of a command to a fleet elsewhere beyond which no task is added to it: it has one more at most. */
  chunkBytes: 1_048_576,
  /** Workers that the owner of a fleet tells another process of in one answer. */
  listedWorkers: 1_000,
  /** Tasks of its batch that one task depends on. */
  dependencies: 1_000,
  /** How long a schema may take over the data of one task, ms. */
  schemaMs: 30_000,
  /** A line of a handler's log, characters; cut. */
  logLine: 4_096,
  /** Lines of a running handler that are kept, the last ones. */
  keptLines: 20,
  /** Progress and lines of one attempt that subscribers are told in a second; what is beyond is only kept. */
  toldPerSecond: 1_000,
  /** A handler's error: its message, its stack, and its name and code, characters; cut. */
  errorMessage: 8_192,
  errorStack: 16_384,
  errorName: 256,
  /** What a message shows of a value, characters; cut. */
  shownValue: 80
} as const;
