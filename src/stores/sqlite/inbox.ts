import type { CommandReply, InboxCommand, RemoteCommand } from '../../store.ts';
import { damaged } from './damage.ts';
import { RowCheck } from './rowCheck.ts';
import type { Statements } from './statements.ts';
import { sumOf } from './sums.ts';

/** Answered commands that are kept, so that a sender that is slow to ask still finds its reply. */
const keptReplies = 1_000;

/** Commands name their fleet: it need not be there yet, and then has no number. */
export const noScope = 0;

/** SQL for the columns of a command and their sum. */
export const commandCellsAndSum = 'scope, id, command, sent_at, sum';

export const commandCheck = new RowCheck(
  ['scope', 'id', 'command', 'sent_at'],
  [{ column: 'sum', of: ['scope', 'id', 'command', 'sent_at'] }],
  ([, id]) => `command ${JSON.stringify(id)}`
);

export interface Watch {
  readonly scope: string;
  /** Number of the last command that was delivered. */
  delivered: number;
}

/** The inbox of commands that other processes leave in the file. */
export class Inbox {
  readonly #statements: Statements;
  readonly #watches: ReadonlyMap<number, Watch>;
  readonly #deliver: (watch: number, commands: readonly InboxCommand[]) => void;
  #dataVersion = 0;

  /** @param watches - Who hears of commands. It may change; it outlives this connection. */
  constructor(
    statements: Statements,
    watches: ReadonlyMap<number, Watch>,
    deliver: (watch: number, commands: readonly InboxCommand[]) => void
  ) {
    this.#statements = statements;
    this.#watches = watches;
    this.#deliver = deliver;
  }

  /**
   * Delivers what has come. Cheap when nothing has: the version changes when another connection commits.
   *
   * @returns Whether anything has.
   */
  poll(): boolean {
    const dataVersion = this.#statements.get('PRAGMA data_version')?.[0] as number;
    if (dataVersion === this.#dataVersion) return false;
    this.#dataVersion = dataVersion;
    return this.deliverNew();
  }

  /** A command that has come before is ignored. */
  send(scope: string, { id, command, sentAt }: InboxCommand): void {
    const sql = 'INSERT OR IGNORE INTO commands (scope, id, command, sent_at, sum) VALUES (?, ?, ?, ?, ?)';
    const cells = [scope, id, JSON.stringify(command), sentAt];
    this.#statements.run(sql, ...cells, sumOf(noScope, cells));
    this.deliverNew();
  }

  /** What was asked is needed no more: only its type is kept, since it may hold a thousand tasks. */
  answer(scope: string, id: string, reply: CommandReply): void {
    const find = `SELECT ${commandCellsAndSum} FROM commands WHERE scope = ? AND id = ? AND reply IS NULL`;
    const cells = this.#statements.get(find, scope, id);
    if (!cells) return;
    const [, , command, sentAt] = commandCheck.row(noScope, cells);
    const { type } = (JSON.parse(command as string) ?? {}) as Partial<RemoteCommand>;
    const kept = JSON.stringify({ type });
    const text = JSON.stringify(reply);
    const sql =
      'UPDATE commands SET command = ?, sum = ?, reply = ?, reply_sum = ? WHERE scope = ? AND id = ?';
    const sum = sumOf(noScope, [scope, id, kept, sentAt!]);
    this.#statements.run(sql, kept, sum, text, sumOf(noScope, [id, text]), scope, id);
    const prune =
      'DELETE FROM commands WHERE reply IS NOT NULL AND number <= (SELECT max(number) FROM commands) - ?';
    this.#statements.run(prune, keptReplies);
  }

  reply(scope: string, id: string): CommandReply | null {
    const sql = `SELECT ${commandCellsAndSum}, reply, reply_sum FROM commands WHERE scope = ? AND id = ?`;
    const cells = this.#statements.get(sql, scope, id);
    if (!cells) return null;
    const [reply, replySum] = cells.splice(-2) as [string | null, number | null];
    commandCheck.row(noScope, cells);
    if (reply === null) return null;
    if (replySum !== sumOf(noScope, [id, reply])) throw damaged(`the reply to command ${JSON.stringify(id)}`);
    return JSON.parse(reply) as CommandReply;
  }

  /** Delivers, to each watch, the commands that it has not had. One that is damaged is left where it is. @returns Whether there were any. */
  deliverNew(): boolean {
    let hasDelivered = false;
    const sql =
      `SELECT number, ${commandCellsAndSum} FROM commands ` +
      'WHERE scope = ? AND reply IS NULL AND number > ? ORDER BY number';
    for (const [watch, state] of this.#watches) {
      const rows = this.#statements.all(sql, state.scope, state.delivered);
      if (rows.length === 0) continue;
      hasDelivered = true;
      state.delivered = rows.at(-1)![0] as number;
      this.#deliver(
        watch,
        rows
          .filter(([, ...cells]) => commandCheck.isSound(noScope, cells))
          .map(([, , id, command, sentAt]) => ({
            id: id as string,
            command: JSON.parse(command as string) as RemoteCommand,
            sentAt: sentAt as number
          }))
      );
    }
    return hasDelivered;
  }
}
