import { resolve } from 'node:path';
import { ConflictError, LockedError, TaskCancelledError, TaskFailedError } from '../errors.ts';
import { FleetManager } from '../fleetManager.ts';
import { FleetReader } from '../fleetReader.ts';
import type { CommandReply, RemoteCommand, Store } from '../store.ts';
import { sqliteStore, type SqliteOptions } from '../stores/sqlite.ts';
import { assertId, assertIdWithoutSlash } from '../validation.ts';
import type { BatchState } from '../../machines/batch.ts';
import { loadHandlers } from './handlerModule.ts';
import { InboxWork } from './inboxWork.ts';
import { interrupted, Interrupts } from './interrupts.ts';
import { showProgress, type Counts, type Progress } from './progress.ts';
import { assertResultFile, writeResultFile } from './resultFile.ts';
import { resultLines } from './resultLines.ts';
import { storePathFor } from './storePath.ts';
import { summary } from './summary.ts';
import { openTaskFile, type TaskFile } from './taskFile.ts';
import { print, printable, shellWord } from './terminal.ts';

export interface RunOptions {
  readonly handlers: string;
  readonly store?: string;
  readonly fleet: string;
  readonly workers?: number;
  readonly concurrency?: number;
  readonly retries?: number;
  readonly timeout?: number;
  readonly durability: NonNullable<SqliteOptions['durability']>;
  readonly batch?: string;
  readonly out?: string;
}

/** What is run, where. */
interface Plan {
  readonly tasks: TaskFile;
  readonly batchId: string;
  readonly storePath: string;
  readonly options: RunOptions;
}
