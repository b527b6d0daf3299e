/** What a host knows when it decides which fleets it should run. */
export interface Spread {
  /** Names of all fleets, the same and in the same order on every host. */
  readonly fleets: readonly string[];
  /** Seats of the hosts that live, this one's among them, in rising order. */
  readonly hosts: readonly number[];
  readonly seat: number;
}

/**
 * How many fleets a host should run: all hosts as many, and those in the first seats one more where it does not come out even.
 *
 * The shares of all hosts add up to the number of fleets. So each host knows from the seats alone whether it has too many, and
 * that there is another one which has too few.
 */
export function fairShare({ fleets, hosts, seat }: Spread): number {
  const rest = fleets.length % hosts.length;
  return Math.floor(fleets.length / hosts.length) + (hosts.indexOf(seat) < rest ? 1 : 0);
}

/**
 * The fleets in the order in which a host takes them: its own stretch of the list first, so that hosts which look at the same
 * time do not reach for the same ones. What it gives away it takes from the end.
 */
export function preferredFleets({ fleets, hosts, seat }: Spread): readonly string[] {
  const from = Math.floor((fleets.length * hosts.indexOf(seat)) / hosts.length);
  return [...fleets.slice(from), ...fleets.slice(0, from)];
}
