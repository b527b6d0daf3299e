/** What came of hostile inputs. */
export interface HostileReport {
  readonly tried: number;
  /** Taken, and read back as they were given. */
  accepted: number;
  /** Refused, by the code of the error. */
  readonly refused: Map<string, number>;
  readonly violations: Violation[];
}

/** An input that was neither taken as it was nor refused as it should be. */
export interface Violation {
  /** `--count 1 --seed <seed>` draws this input alone. */
  readonly seed: number;
  readonly target: string;
  readonly damage: readonly string[];
  readonly problem: string;
}

export function formatReport({ tried, accepted, refused, violations }: HostileReport): string {
  const codes = [...refused].sort(([, left], [, right]) => right - left);
  return [
    `tried ${tried} · accepted ${accepted}${codes.map(([code, count]) => ` · ${code} ${count}`).join('')} · violations ${violations.length}`,
    ...violations
      .slice(0, 20)
      .map(
        ({ seed, target, damage, problem }) =>
          `  --count 1 --seed ${seed}: ${target}: ${damage.join('; ')}: ${problem}`
      )
  ].join('\n');
}
