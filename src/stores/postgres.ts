import { StoreError } from '../errors.ts';
import type { Store, StoreReader, TaskRow } from '../store.ts';
import { assertInteger, assertText, readOptions, refuse } from '../validation/validation.ts';
import { requireStorable } from './cells.ts';
import { readAddress } from './postgres/address.ts';
import { Inbox } from './postgres/inbox.ts';
import { Owners } from './postgres/owners.ts';
import { Patience } from './postgres/patience.ts';
import { Remover } from './postgres/remover.ts';
import { RowReader } from './postgres/rowReader.ts';
import { Session, type SessionOptions } from './postgres/session.ts';

export interface PostgresOptions {
  /**
   * The schema of the database that holds the tables; made at the first `open`. 1 to 63 characters of [a-z0-9_], the first
   * one no digit. Defaults to `xstate_fleet`.
   */
  readonly schema?: string;
  /**
   * How long a fleet stays its owner's without a sign of it, ms: after the loss of a machine, another one waits so long.
   * Renewed with every commit, and every third of it. Integer in [1,000, 3,600,000]. Defaults to 15,000.
   */
  readonly leaseMs?: number;
  /**
   * How long the server takes for a statement at most, ms. Then it is refused; two seconds later, if the server says
   * nothing, its outcome is unknown and the connection given up. Integer in [100, 3,600,000]. Defaults to 10,000.
   */
  readonly statementTimeoutMs?: number;
  /** How long a connection may take to be made, ms. Integer in [100, 600,000]. Defaults to 5,000. */
  readonly connectTimeoutMs?: number;
}

const defaults = {
  schema: 'xstate_fleet',
  leaseMs: 15_000,
  statementTimeoutMs: 10_000,
  connectTimeoutMs: 5_000
} as const satisfies Required<PostgresOptions>;

/** Tasks that `open` hands over at once. */
const pageSize = 5_000;

/**
 * Keeps fleets in a PostgreSQL database, version 13 or later. It needs the package `pg`, version 8.
 *
 * A fleet is owned by a lease, whose time is the server's: it does not end with the process, but `leaseMs` after the last
 * sign of it, and from then on any other process may take it over. Each take-over raises the fleet's term, and every
 * commit carries it: what an old owner still writes is refused as `FencedError`. A connection that is lost does not
 * lose the lease: it is made again.
 *
 * A commit is one statement. It is as durable as the server makes it: `synchronous_commit` stays as it is there. There
 * are two connections, made when they are needed: one for the owner, one for long queries and commands. Ids may hold any
 * text but NUL and lone surrogates.
 *
 * @param url - Like `postgres://user:password@host:5432/database`. The password is never shown.
 * @throws {ValidationError} when the URL or an option is not allowed.
 */
export function postgresStore(url: string, options: PostgresOptions = {}): Store {
  const { location, schema, channel, leaseMs, session: sessionOptions } = resolveOptions(url, options);
  const rows = new RowReader(schema);
  // A connection of its own: a long look through history holds up no commit.
  const queries = new Session(sessionOptions, {
    greeting: () => (inbox.isWatched ? `LISTEN "${channel}"` : null),
    onNotification: () => inbox.notified()
  });
  const session = new Session(sessionOptions);
  const inbox = new Inbox(schema, channel, queries);
  const owners = new Owners({ location, schema, leaseMs, session, rows });
  const remover = new Remover(schema, session, (lease) => owners.settle(lease));
  const patience = new Patience(leaseMs);
  let isListening = false;
  /** What is read for a turn: after what was committed before, whatever became of it. */
  const settled = async (scope: string): Promise<Session> => {
    const lease = owners.held(scope);
    if (lease?.isUncertain) await owners.settle(lease);
    return session;
  };
  const read = <T>(scope: string, rowsOf: (session: Session) => Promise<T>): Promise<T> =>
    // What became of a commit is asked again each time: one may have been cut off with what is read.
    patience.read(async () => rowsOf(await settled(scope)));
  return {
    ...readerOf({ rows, inbox, session, queries, patience, read }),
    location,

    // Nothing is there before the first `open`.
    listScopes: () => patience.read(async () => ((await session.exists()) ? rows.scopes(session) : [])),
    readOwner: (scope) =>
      patience.read(async () => ((await session.exists()) ? rows.owner(session, scope) : null)),
    async open(scope, owner) {
      requireStorable('scope', scope);
      await session.create();
      try {
        await owners.take(scope, owner);
      } catch (error) {
        if (!(error instanceof StoreError && error.outcome === 'unknown')) throw error;
        // Its answer was lost. Where the way to the server is still there, what it has brought is this process's at once.
        await owners.take(scope, owner);
      }
      try {
        const [head, agents, batches, schedules, removing] = await patience.read(() =>
          Promise.all([
            rows.head(session, scope),
            rows.agents(session, scope),
            rows.liveBatches(session, scope),
            rows.schedules(session, scope),
            rows.removing(session, scope)
          ])
        );
        const tasks = pagesOf((after) =>
          patience.read(() => rows.liveTasks(session, scope, after, pageSize))
        );
        return { head, agents, batches, schedules, removing, tasks };
      } catch (error) {
        await owners.release(scope).catch(() => undefined);
        throw error;
      }
    },
    commit: (commit) => owners.commit(commit),
    removeBatch: async (scope, batchId) => remover.removeBatch(owners.lease(scope), batchId),
    listExpiredBatches: (scope, query) => patience.read(() => rows.expiredBatches(queries, scope, query)),
    removeExpiredResults: async (scope, query) => remover.removeExpiredResults(owners.lease(scope), query),
    removeOutsideResults: async (scope, upToSettledSeq) =>
      remover.removeOutsideResults(owners.lease(scope), upToSettledSeq),
    readPayloads: (scope, seqs) => read(scope, (session) => rows.payloads(session, scope, seqs)),
    readKeyHolders: (scope, keys) => read(scope, (session) => rows.keyHolders(session, scope, keys)),
    readTemplates: (scope, ids) => read(scope, (session) => rows.templates(session, scope, ids)),
    sumResults: (scope, afterSettledSeq) =>
      patience.read(() => rows.sumResults(queries, scope, afterSettledSeq)),
    hasResults: (scope, refs) => read(scope, (session) => rows.hasResults(session, scope, refs)),

    watchOwnership: (scope, onLost) => owners.lease(scope).watch(onLost),
    watchCommands(scope, onCommand) {
      owners.lease(scope);
      const watching = inbox.watch(scope, onCommand);
      if (!isListening) {
        isListening = true;
        // A connection that is made from now on listens by itself; until then it is looked for now and then.
        queries
          .connect()
          .then((client) => client.query(`LISTEN "${channel}"`))
          .catch(() => (isListening = false));
      }
      return watching;
    },
    async answerCommand(scope, commandId, reply) {
      owners.lease(scope);
      await inbox.answer(session, scope, commandId, reply);
    },
    async removeScope(scope) {
      const lease = owners.held(scope) ?? owners.lease(scope);
      if (!lease.isRemoved) {
        await remover.beginScope(owners.lease(scope));
        lease.isRemoved = true;
        lease.end();
        inbox.unwatch(scope);
      }
      return remover.removeSlice();
    },
    async release(scope) {
      inbox.unwatch(scope);
      await owners.release(scope);
    },
    async close() {
      patience.end();
      inbox.unwatch();
      await owners.releaseAll();
      await Promise.all([session.close(), queries.close()]);
    }
  };
}

/**
 * Reads a PostgreSQL store beside its owner, and leaves commands for it. It owns nothing and makes no tables: every call
 * rejects with `ERR_STORE_IO` while there are none.
 *
 * @throws {ValidationError} when the URL or an option is not allowed.
 */
export function postgresReader(url: string, options: Omit<PostgresOptions, 'leaseMs'> = {}): StoreReader {
  const { schema, channel, leaseMs, session: sessionOptions } = resolveOptions(url, options);
  const rows = new RowReader(schema);
  const session = new Session(sessionOptions);
  const inbox = new Inbox(schema, channel, session);
  const patience = new Patience(leaseMs);
  const read: ReaderParts['read'] = (_, rowsOf) => patience.read(() => rowsOf(session));
  return readerOf({ rows, inbox, session, queries: session, patience, read });
}

interface ReaderParts {
  readonly rows: RowReader;
  readonly inbox: Inbox;
  readonly session: Session;
  /** The session that takes a call which may look through many rows. */
  readonly queries: Session;
  readonly patience: Patience;
  /** Reads, once it is known what became of a scope's commits. */
  readonly read: <T>(scope: string, rowsOf: (session: Session) => Promise<T>) => Promise<T>;
}

function readerOf({ rows, inbox, session, queries, patience, read }: ReaderParts): StoreReader {
  return {
    readBatch: (scope, batchId) => read(scope, (session) => rows.batch(session, scope, batchId)),
    listBatches: (scope, query) => read(scope, (session) => rows.listBatches(session, scope, query)),
    readTasks: (scope, keys) => read(scope, (session) => rows.tasks(session, scope, keys)),
    readTaskRows: (scope, selection) => read(scope, (session) => rows.taskRows(session, scope, selection)),
    listTasks: (scope, query) => patience.read(() => rows.listTasks(queries, scope, query)),
    readResults: (scope, query) => patience.read(() => rows.results(queries, scope, query)),
    readResult: (scope, key) => read(scope, (session) => rows.result(session, scope, key)),
    readSchedule: (scope, id) => read(scope, (session) => rows.schedule(session, scope, id)),
    listSchedules: (scope, query) => patience.read(() => rows.listSchedules(queries, scope, query)),
    readHead: (scope) => read(scope, (session) => rows.head(session, scope)),
    listScopes: () => patience.read(() => rows.scopes(session)),
    readOwner: (scope) => patience.read(() => rows.owner(session, scope)),
    sendCommand: (scope, command) => inbox.send(session, scope, command),
    readReply: (scope, commandId) => patience.read(() => inbox.reply(session, scope, commandId)),
    async close() {
      patience.end();
      await session.close();
    }
  };
}

/** Asks for a page while the one before is taken in. @param pageAfter - The tasks after a number. */
async function* pagesOf(
  pageAfter: (seq: number) => Promise<readonly TaskRow[]>
): AsyncGenerator<readonly TaskRow[], void, undefined> {
  let next = pageAfter(0);
  while (true) {
    const page = await next;
    if (page.length === 0) return;
    const isLast = page.length < pageSize;
    if (!isLast) {
      next = pageAfter(page.at(-1)!.context.seq);
      // Nobody may come back for it; who does gets its error from `await`.
      next.catch(() => undefined);
    }
    yield page;
    if (isLast) return;
  }
}

function resolveOptions(url: string, options: PostgresOptions) {
  const given = readOptions('options', options, Object.keys(defaults));
  const {
    schema = defaults.schema,
    leaseMs = defaults.leaseMs,
    statementTimeoutMs = defaults.statementTimeoutMs,
    connectTimeoutMs = defaults.connectTimeoutMs
  } = given;
  assertText('schema', schema);
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_')) {
    refuse('schema', schema, '1 to 63 characters of [a-z0-9_], the first one no digit, and not pg_…');
  }
  assertInteger('leaseMs', leaseMs, 1_000, 3_600_000);
  assertInteger('statementTimeoutMs', statementTimeoutMs, 100, 3_600_000);
  assertInteger('connectTimeoutMs', connectTimeoutMs, 100, 600_000);
  const address = readAddress(url, schema);
  const quoted = `"${schema}"`;
  const session: SessionOptions = { ...address, schema: quoted, connectTimeoutMs, statementTimeoutMs };
  return { location: address.location, schema: quoted, channel: schema, leaseMs, session };
}
