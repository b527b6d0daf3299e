/** What is measured, each figure in its unit; see {@link figureTitles}. */
export type Figure = keyof typeof figureTitles;

export type Figures = Readonly<Partial<Record<Figure, number>>>;

/** What a case runs with. */
export interface CaseContext {
  /** A folder for files, removed after the whole benchmark: what one round makes may be found by the next one. */
  readonly folder: string;
  /** Where the server listens that the case asked for. */
  readonly serverUrl: string;
}

/** One thing that is measured, in a process of its own. */
export interface Case {
  /** All that its figures depend on, for the report. */
  readonly settings: string;
  /** The server that it needs. */
  readonly server?: ServerName;
  /** It takes so long that it is run in the first rounds only, in so many. Defaults to all. */
  readonly maxRounds?: number;
  run(context: CaseContext): Promise<Figures>;
}

export type ServerName = 'Redis' | 'PostgreSQL';

export const figureTitles = {
  perSecond: 'tasks/s',
  wallUs: 'µs per task',
  cpuUs: 'µs of processor time per task',
  peakMb: 'MB at the peak',
  blockMs: 'ms, longest block of the event loop',
  p50Us: 'µs, p50',
  p99Us: 'µs, p99',
  bytesEach: 'bytes of RAM per task',
  openMs: 'ms to open',
  firstTaskMs: 'ms to the first task',
  lost: 'lost',
  repeated: 'done again after they were told as completed',
  startMs: 'ms'
} as const;
