/** Which worker slots a fleet has. */
export interface WorkerSlots {
  /** Slots spawned so far, `worker-1` to `worker-<slots>`. */
  readonly slots: number;
  /** Numbers of those that are not wanted now. */
  readonly parked: readonly number[];
}

/** Name of the n-th worker slot, from 1. */
export function slotName(number: number): string {
  return `worker-${number}`;
}

/** Number of a worker slot; `null` when the child is no worker. */
export function slotNumber(childId: string): number | null {
  const match = /^worker-(\d+)$/.exec(childId);
  return match === null ? null : Number(match[1]);
}

/** The slots that are to stay as they are or to be filled, lowest first. */
export function wantedSlots({ slots, parked }: WorkerSlots): string[] {
  const isParked = new Set(parked);
  const wanted: string[] = [];
  for (let number = 1; number <= slots; number++) if (!isParked.has(number)) wanted.push(slotName(number));
  return wanted;
}

/**
 * Which slots there are to be: as many wanted ones as workers. The lowest are filled first, the highest go first.
 *
 * @param spare - Slots that go before any other.
 */
export function planSlots(
  { slots: before, parked: parkedBefore }: WorkerSlots,
  workers: number,
  spare: readonly string[]
): WorkerSlots {
  const wanted = wantedSlots({ slots: before, parked: parkedBefore });
  const missing = workers - wanted.length;
  if (missing >= 0) {
    const parked = parkedBefore.toSorted((left, right) => left - right);
    const reused = Math.min(missing, parked.length);
    return { slots: before + missing - reused, parked: parked.slice(reused) };
  }
  const isSpare = new Set(spare);
  const leaving = [
    ...wanted.filter((slot) => !isSpare.has(slot)),
    ...wanted.filter((slot) => isSpare.has(slot))
  ]
    .slice(missing)
    .map((slot) => slotNumber(slot)!);
  return { slots: before, parked: [...parkedBefore, ...leaving] };
}
