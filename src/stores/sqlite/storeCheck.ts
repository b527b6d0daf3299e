import { DamageError } from './damage.ts';
import { failureOf } from './failure.ts';
import { checkFleet, type CheckedFleet } from './fleetCheck.ts';
import { Findings } from './findings.ts';
import { commandCheck, commandCellsAndSum, noScope } from './inbox.ts';
import type { Database } from './library.ts';
import type { OwnerLock } from './ownerLock.ts';
import type { Rows } from './rowCheck.ts';
import { scopeSpan } from './schema.ts';
import { Statements } from './statements.ts';
import { sumOf } from './sums.ts';
import type { StoreFile } from './storeFile.ts';
import type { RawReport } from './storeReport.ts';
import { readLog } from './walLog.ts';

/** Problems that SQLite itself reports at most. */
const maxPageProblems = 20;

/**
 * Checks a store without changing a byte of it, beside whoever owns it.
 *
 * All is read in one transaction, so that counts and rows are of one moment; what the owner writes meanwhile stays
 * in its log until the check is over. Rows are read in pages, so that memory does not grow with them.
 */
export function checkFile(file: StoreFile, lock: OwnerLock): RawReport {
  const findings = new Findings();
  const isOwned = lock.isTaken;
  const log = readLog(file.path);
  const report = {
    path: file.path,
    bytes: file.bytes(),
    // Beside an owner the log changes while it is read.
    log: isOwned ? { ...log, isDamaged: false } : log,
    schemaVersion: null,
    owner: null,
    fleets: [],
    agents: []
  };
  const condition = conditionOf(file, findings);
  if (condition !== 'store' && condition !== 'unreadable') {
    return {
      ...report,
      ...(condition === 'older' && { schemaVersion: file.version() }),
      condition,
      ...said(findings)
    };
  }
  // SQLite deletes the log beside an empty file when it opens that.
  if (file.bytes() === 0) return { ...report, condition, ...said(findings) };
  try {
    const database = file.openToRead();
    try {
      const rows = checkRows(database, findings);
      const owner = rows.owner === null ? null : { name: rows.owner, isAlive: isOwned };
      return { ...report, ...rows, owner, condition, ...said(findings) };
    } finally {
      // A connection that is closed lives on until its statements are collected, and would keep what it reads.
      if (database.isTransaction) database.exec('ROLLBACK');
      database.close();
    }
  } catch {
    // What it is, and why it cannot be read, is among the findings.
    return { ...report, condition, ...said(findings) };
  }
}

function said({ list, more }: Findings): Pick<RawReport, 'findings' | 'moreFindings'> {
  return { findings: list, moreFindings: more };
}

function conditionOf(file: StoreFile, findings: Findings): RawReport['condition'] {
  try {
    const kind = file.inspect();
    if (kind === 'absent') findings.add('absent', null, 'there is no file');
    if (kind === 'empty') findings.add('empty', null, 'the file is empty');
    return kind;
  } catch (error) {
    const failure = failureOf(error, file.path);
    if (failure.kind === 'version') {
      const { found, expected } = failure;
      findings.add(
        'version',
        null,
        `its schema version is ${found}, and this xstate-fleet reads ${expected}`
      );
    } else if (failure.kind === 'corrupt') {
      const kind = error instanceof DamageError ? error.part : 'foreign';
      findings.add(kind, null, failure.reason);
    } else if (failure.kind === 'store') findings.add('foreign', null, failure.message);
    return 'unreadable';
  }
}

function checkRows(database: Database, findings: Findings) {
  const statements = new Statements(database);
  database.exec('BEGIN');
  const schemaVersion = statements.get('PRAGMA user_version')?.[0] as number;
  checkPages(statements, findings);
  const owner = statements.get("SELECT value FROM meta WHERE name = 'owner'")?.[0] as string | undefined;
  const checked: CheckedFleet[] = [];
  findings.attempt('scopes', () => {
    for (const [number] of statements.all('SELECT number FROM scopes ORDER BY number')) {
      checked.push(checkFleet(statements, number as number, findings));
    }
    checkStrays(statements, findings);
  });
  findings.attempt('commands', () => checkCommands(statements, findings));
  const agents = checked.map(({ report, agents }): { fleet: string; rows: Rows } => ({
    fleet: report.name,
    rows: agents
  }));
  return { schemaVersion, owner: owner ?? null, fleets: checked.map(({ report }) => report), agents };
}

/** What SQLite finds: pages, the order of rows, and indexes that do not fit their table. */
function checkPages(statements: Statements, findings: Findings): void {
  findings.attempt('pages', () => {
    const problems = statements
      .all(`PRAGMA integrity_check(${maxPageProblems})`)
      .map(([problem]) => String(problem));
    for (const problem of problems) {
      if (problem === 'ok') continue;
      const isOfIndex = /\bindex\b/.test(problem);
      findings.add('pages', null, problem, ...(isOfIndex ? [reindex] : []));
    }
  });
}

const reindex =
  'if there are findings about indexes alone: stop the fleet, keep a copy of the file, run REINDEX on it with the sqlite3 program, and check again';

/** Rows of no fleet, and of none that is being removed: they are looked for in the gaps between those. */
function checkStrays(statements: Statements, findings: Findings): void {
  const numbers = statements.all(
    'SELECT number FROM scopes UNION SELECT number FROM dropped ORDER BY number'
  );
  const ends = [...numbers.map(([number]) => (number as number) * scopeSpan), Number.MAX_SAFE_INTEGER];
  for (const table of ['tasks', 'payloads', 'batches', 'results']) {
    const sql = `SELECT 1 FROM ${table} WHERE id >= ? AND id <= ? LIMIT 1`;
    let from = Number.MIN_SAFE_INTEGER;
    const isStray = ends.some((end) => {
      const found = from <= end && statements.get(sql, from, end) !== undefined;
      from = end + scopeSpan;
      return found;
    });
    if (isStray) findings.add('link', null, `there are ${table} of a fleet that is not there`);
  }
}

function checkCommands(statements: Statements, findings: Findings): void {
  const sql = `SELECT reply, reply_sum, ${commandCellsAndSum} FROM commands ORDER BY number`;
  for (const [reply, replySum, ...cells] of statements.all(sql)) {
    const [scope, id] = cells as [string, string];
    const isSound =
      commandCheck.isSound(noScope, cells) && (reply === null || replySum === sumOf(noScope, [id, reply!]));
    if (!isSound) findings.add('row', scope, `command ${JSON.stringify(id)} is not as it was written`);
  }
}
