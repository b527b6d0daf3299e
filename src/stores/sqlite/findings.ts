import { failureOf } from './failure.ts';
import type { StoreFinding } from './storeReport.ts';

/** Findings are kept up to a bound: a damaged file may have millions. */
export class Findings {
  readonly list: StoreFinding[] = [];
  more = 0;

  add(kind: StoreFinding['kind'], fleet: string | null, problem: string, remedy = remedies[kind]): void {
    if (this.list.length < maxFindings) this.list.push({ kind, fleet, problem, remedy });
    else this.more += 1;
  }

  /** Runs a part of the check; where the file cannot be read, that is a finding, and the next part follows. */
  attempt(table: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      const failure = failureOf(error, '');
      const reason =
        failure.kind === 'corrupt' ? failure.reason : failure.kind === 'store' ? failure.cause : null;
      this.add('pages', null, `its ${table} cannot be read to the end: ${reason ?? failure.kind}`);
    }
  }
}

const maxFindings = 100;

const restore =
  'stop the fleet, keep a copy of the file for inspection, and restore a backup or start a new store';

export const remedies: Readonly<Record<StoreFinding['kind'], string>> = {
  absent: 'correct the path, or start a fleet with it',
  empty: 'start a fleet with it; if it was a store, restore a backup',
  foreign: 'correct the path, or restore a backup',
  version: 'open it with the version that wrote it',
  schema: restore,
  log: 'keep a copy of the file and of what lies beside it; restore a backup, or move the -wal and the -mark away to go on without what is lost',
  pages: restore,
  row: restore,
  link: restore,
  counts: restore,
  agent: 'open it with the version that wrote it, or restore a backup'
};
