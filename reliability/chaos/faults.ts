/** What may be broken on purpose in the processes: a harness that reports none of these proves nothing. */
export const faults = [
  /** Commits are acknowledged before they are written. */
  'early acknowledgement',
  /** A commit with tasks is acknowledged and never written. */
  'dropped commit',
  /** Each attempt is started twice. */
  'double start',
  /** The fleet starts more handlers than it may: its limit is not the one that was declared. */
  'raised limit',
  /** A rejection that nobody handles. */
  'unhandled rejection',
  /** A timer that nobody stops. */
  'leaked timer'
] as const;

export type Fault = (typeof faults)[number];
