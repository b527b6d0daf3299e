import type { CommandReply, InboxCommand, RemoteCommand } from '../../store.ts';
import type { Session } from './session.ts';

/** How often it is looked for commands, told or not, ms: a notification may be missed. */
const pollMs = 1_000;

/** How long an answer is kept for a sender that is slow to ask, ms. */
const keptMs = 3_600_000;

interface Watch {
  readonly scope: string;
  readonly onCommand: (command: InboxCommand) => void;
  /** Ids of commands that were delivered, and not answered yet when they were last looked for. */
  delivered: ReadonlySet<string>;
  /** It is being looked for; something may have come meanwhile. */
  isLooking: boolean;
  isCalled: boolean;
  /** `null`: it was released. */
  timer: NodeJS.Timeout | null;
}

/**
 * The inbox of commands that any process leaves in the database.
 *
 * Commands do not become visible in the order of their numbers, so what was delivered is known by its id.
 */
export class Inbox {
  readonly #schema: string;
  readonly #channel: string;
  readonly #session: Session;
  readonly #watches = new Set<Watch>();

  /** @param schema - Quoted. @param channel - That senders notify. */
  constructor(schema: string, channel: string, session: Session) {
    this.#schema = schema;
    this.#channel = channel;
    this.#session = session;
  }

  /** A command that has come before is ignored. */
  async send(session: Session, scope: string, { id, command, sentAt }: InboxCommand): Promise<void> {
    const sql =
      `WITH sent AS (INSERT INTO ${this.#schema}.commands (scope, id, command, sent_at) VALUES ($1, $2, $3, $4) ` +
      'ON CONFLICT (scope, id) DO NOTHING RETURNING 1) SELECT pg_notify($5, $6) FROM sent';
    const values = [scope, id, JSON.stringify(command), sentAt, this.#channel, ''];
    await session.run({ text: sql }, values, 'writes');
  }

  /** What was asked is needed no more, and may be a thousand tasks. */
  async answer(session: Session, scope: string, id: string, reply: CommandReply): Promise<void> {
    const sql =
      `WITH pruned AS (DELETE FROM ${this.#schema}.commands WHERE scope = $1 AND reply IS NOT NULL ` +
      `AND answered_at < clock_timestamp() - ${keptMs} * interval '1 ms') ` +
      `UPDATE ${this.#schema}.commands SET command = '{}', reply = $3, answered_at = clock_timestamp() ` +
      'WHERE scope = $1 AND id = $2 AND reply IS NULL';
    await session.run({ text: sql }, [scope, id, JSON.stringify(reply)], 'writes');
  }

  async reply(session: Session, scope: string, id: string): Promise<CommandReply | null> {
    const sql = `SELECT reply FROM ${this.#schema}.commands WHERE scope = $1 AND id = $2`;
    const [cells] = await session.run({ text: sql }, [scope, id]);
    const reply = cells?.[0] ?? null;
    return reply === null ? null : (JSON.parse(reply as string) as CommandReply);
  }

  /** Calls back with commands, in order, until it is released. */
  watch(scope: string, onCommand: (command: InboxCommand) => void): Disposable {
    const watch: Watch = {
      scope,
      onCommand,
      delivered: new Set(),
      isLooking: false,
      isCalled: false,
      timer: setInterval(() => void this.#look(watch), pollMs)
    };
    watch.timer!.unref();
    this.#watches.add(watch);
    void this.#look(watch);
    return { [Symbol.dispose]: () => this.#end(watch) };
  }

  /** Something has come, for whichever fleet. */
  notified(): void {
    for (const watch of this.#watches) void this.#look(watch);
  }

  /** Ends the watches of a scope; of all, when none is named. */
  unwatch(scope?: string): void {
    for (const watch of this.#watches) if (scope === undefined || watch.scope === scope) this.#end(watch);
  }

  get isWatched(): boolean {
    return this.#watches.size > 0;
  }

  #end(watch: Watch): void {
    if (watch.timer) clearInterval(watch.timer);
    watch.timer = null;
    this.#watches.delete(watch);
  }

  async #look(watch: Watch): Promise<void> {
    watch.isCalled = true;
    if (watch.isLooking) return;
    watch.isLooking = true;
    try {
      while (watch.isCalled && watch.timer) {
        watch.isCalled = false;
        await this.#deliver(watch);
      }
    } catch {
      // They stay where they are and are looked for again; commits tell what is wrong with the server.
    } finally {
      watch.isLooking = false;
    }
  }

  async #deliver(watch: Watch): Promise<void> {
    const sql =
      `SELECT id, command, sent_at FROM ${this.#schema}.commands ` +
      'WHERE scope = $1 AND reply IS NULL ORDER BY number';
    const rows = await this.#session.run({ text: sql }, [watch.scope]);
    const { delivered } = watch;
    watch.delivered = new Set(rows.map(([id]) => id as string));
    for (const [id, command, sentAt] of rows) {
      if (!watch.timer) return;
      if (delivered.has(id as string)) continue;
      watch.onCommand({
        id: id as string,
        command: JSON.parse(command as string) as RemoteCommand,
        sentAt: sentAt as number
      });
    }
  }
}
