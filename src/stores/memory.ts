import { LockedError, StoreError } from '../errors.ts';
import type { Store, TaskRow } from '../store.ts';
import { CommandInbox } from './memory/commandInbox.ts';
import { MemoryScope } from './memory/memoryScope.ts';

/** Tasks that `open` hands over at once. */
const pageSize = 5_000;

/**
 * Keeps a fleet in the memory of this process: nothing outlives it.
 *
 * The default store, and the fastest: a commit is a map entry for each new task, and a few columns for each row. Rows and
 * results may come out as they were given, so they must be treated as immutable. One store object is one place: a fleet
 * that is opened again through the same object goes on where it was.
 */
export function memoryStore(): Store {
  const scopes = new Map<string, MemoryScope>();
  const inboxes = new Map<string, CommandInbox>();
  const owners = new Map<string, string>();
  let isClosed = false;

  const inboxOf = (scope: string): CommandInbox => {
    const inbox = inboxes.get(scope) ?? new CommandInbox();
    inboxes.set(scope, inbox);
    return inbox;
  };
  const refuseClosed = (): void => {
    if (isClosed) throw new StoreError('ERR_STORE_CLOSED', 'The memory store was closed', 'refused');
  };
  /** What the owner may do only between `open` and `release`. */
  const owned = (scope: string): MemoryScope => {
    refuseClosed();
    const found = scopes.get(scope);
    if (found && owners.has(scope)) return found;
    throw new StoreError('ERR_STORE_CLOSED', `Fleet ${JSON.stringify(scope)} is not open`, 'refused');
  };
  /** What is committed; nothing, when nobody opened the scope yet. */
  const committed = (scope: string): MemoryScope => {
    refuseClosed();
    return scopes.get(scope) ?? new MemoryScope();
  };

  return {
    location: 'memory',

    async open(scope, owner) {
      refuseClosed();
      const current = owners.get(scope);
      if (current !== undefined) throw new LockedError(`memory (fleet ${JSON.stringify(scope)})`, current);
      owners.set(scope, owner);
      const rows = scopes.get(scope) ?? new MemoryScope();
      scopes.set(scope, rows);
      return {
        head: rows.head,
        agents: [...rows.agents.values()],
        batches: rows.liveBatches(),
        schedules: rows.schedules(),
        removing: rows.removing(),
        tasks: pagesOf(rows)
      };
    },
    commit: async (commit) => owned(commit.scope).apply(commit),
    removeBatch: async (scope, batchId) => owned(scope).removeBatch(batchId),
    listExpiredBatches: async (scope, query) => committed(scope).expiredBatches(query),
    removeExpiredResults: async (scope, query) => owned(scope).removeExpiredResults(query),
    readKeyHolders: async (scope, idempotencyKeys) => committed(scope).keyHolders(idempotencyKeys),
    removeOutsideResults: async (scope, upToSettledSeq) => owned(scope).removeOutsideResults(upToSettledSeq),
    readPayloads: async (scope, seqs) => owned(scope).payloads(seqs),
    async readTemplates(scope, ids) {
      const found = ids.flatMap((id) => committed(scope).schedule(id) ?? []);
      return new Map(found.map(({ row, template }) => [row.context.id, template]));
    },
    sumResults: async (scope, afterSettledSeq) => committed(scope).sumResults(afterSettledSeq),
    hasResults: async (scope, refs) =>
      refs.map(({ workerId, key, attempt }) =>
        committed(scope)
          .resultsOf(key)
          .some((result) => result.workerId === workerId && result.attempts === attempt)
      ),

    watchCommands(scope, onCommand) {
      owned(scope);
      return inboxOf(scope).watch(onCommand);
    },
    async answerCommand(scope, commandId, reply) {
      owned(scope);
      inboxOf(scope).answer(commandId, reply);
    },
    async removeScope(scope) {
      if (scopes.has(scope) || !owners.has(scope)) owned(scope);
      scopes.delete(scope);
      inboxes.get(scope)?.unwatch();
      inboxes.delete(scope);
      return false;
    },
    async release(scope) {
      owners.delete(scope);
      inboxes.get(scope)?.unwatch();
    },

    readBatch: async (scope, batchId) => committed(scope).batch(batchId),
    listBatches: async (scope, query) => committed(scope).listBatches(query),
    readTasks: async (scope, keys) => committed(scope).tasks(keys),
    readTaskRows: async (scope, selection) => committed(scope).taskRows(selection),
    listTasks: async (scope, query) => committed(scope).listTasks(query),
    readResults: async (scope, query) => committed(scope).listResults(query),
    readResult: async (scope, key) => committed(scope).resultsOf(key).at(-1) ?? null,
    readSchedule: async (scope, id) => committed(scope).schedule(id),
    listSchedules: async (scope, query) => committed(scope).listSchedules(query),
    readHead: async (scope) => committed(scope).head,
    async listScopes() {
      refuseClosed();
      return [...scopes.keys()];
    },
    async readOwner(scope) {
      refuseClosed();
      return owners.get(scope) ?? null;
    },

    async sendCommand(scope, command) {
      refuseClosed();
      inboxOf(scope).send(command);
    },
    async readReply(scope, commandId) {
      refuseClosed();
      return inboxOf(scope).reply(commandId);
    },
    async close() {
      isClosed = true;
      owners.clear();
      for (const inbox of inboxes.values()) inbox.unwatch();
    }
  };
}

async function* pagesOf(rows: MemoryScope): AsyncGenerator<readonly TaskRow[], void, undefined> {
  let after = 0;
  while (true) {
    const page = rows.liveTasks(after, pageSize);
    if (page.length > 0) yield page;
    if (page.length < pageSize) return;
    after = page.at(-1)!.context.seq;
  }
}
