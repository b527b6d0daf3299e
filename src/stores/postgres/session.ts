import type { CustomTypesConfig } from 'pg';
import { StoreError } from '../../errors.ts';
import type { Cell } from '../cells.ts';
import { connectFailureOf, failureOf, hasEnded, type Effect } from './failure.ts';
import { loadPostgres, type PostgresClient } from './library.ts';
import { createSchema, hasSchema } from './schema.ts';

/** Rows of a query: one array of cells each. */
export type Rows = readonly (readonly Cell[])[];

/** A statement. Under a name, each connection prepares it once, and plans it once. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

export interface SessionOptions {
  readonly url: string;
  /** For messages. */
  readonly location: string;
  /** Quoted. */
  readonly schema: string;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

export interface SessionHooks {
  /** Run on each new connection before anything else, such as `LISTEN`; `null`: nothing. */
  readonly greeting?: () => string | null;
  readonly onNotification?: () => void;
}

/**
 * Beyond the time that the server gives a statement by itself, after which its answer is not waited for any more: the
 * connection is as good as cut.
 */
const silenceMs = 2_000;

/** How long a connection is silent before the system asks whether the other side is there, ms. */
const keepAliveMs = 10_000;

/**
 * Rows are found by their keys and in the order of an index, whatever the planner believes of tables of which it knows
 * nothing yet: with its defaults a join of 9,000 tasks takes 14 s until they are analyzed. What these forbid is still done
 * where there is no other way. What has a name, where there is but one way, is planned once; what has none as large as the
 * tables are by then.
 */
const settings = [
  ...['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin', 'material', 'sort'].map(
    (way) => `SET enable_${way} = off`
  ),
  'SET jit = off',
  'SET plan_cache_mode = force_generic_plan'
].join('; ');

/**
 * A connection, made when it is first needed and again when it was lost.
 *
 * Statements are sent without waiting for the answers to those before, and carried out in that order, each in a
 * transaction of its own. Nothing of it keeps the process alive while no answer is waited for.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #hooks: SessionHooks;
  #client: PostgresClient | null = null;
  #connecting: Promise<PostgresClient> | null = null;
  #creating: Promise<void> | null = null;
  /** Whether this connection, or an earlier one, has found the schema. */
  #hasSchema = false;
  #pending = 0;
  #isClosed = false;

  constructor(options: SessionOptions, hooks: SessionHooks = {}) {
    this.#options = options;
    this.#hooks = hooks;
  }

  /**
   * @throws {FleetError} as `failureOf` tells it; `ERR_STORE_IO` where there is no schema yet.
   */
  async run(statement: Statement, values: readonly Cell[], effect: Effect = 'reads'): Promise<Rows> {
    const client = this.#client ?? (await this.connect());
    if (!this.#hasSchema && !(await this.#findSchema(client))) throw this.#noSchema();
    return this.#held(client, async () => {
      try {
        return (await client.query<Cell[]>({ ...statement, values: [...values], rowMode: 'array' })).rows;
      } catch (error) {
        if (hasEnded(error)) this.#lose(client);
        throw failureOf(error, this.#options.location, effect);
      }
    });
  }

  /** Makes the schema where there is none. */
  create(): Promise<void> {
    // Once for all who ask: two transactions of one connection are one.
    this.#creating ??= this.#create().finally(() => (this.#creating = null));
    return this.#creating;
  }

  /** Whether there is a schema. */
  async exists(): Promise<boolean> {
    const client = this.#client ?? (await this.connect());
    return this.#hasSchema || this.#findSchema(client);
  }

  /** The connection, made when there is none. */
  connect(): Promise<PostgresClient> {
    if (this.#isClosed) return Promise.reject(this.#closed());
    if (this.#client) return Promise.resolve(this.#client);
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = null));
    return this.#connecting;
  }

  /** Answers what is under way, and ends. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const client = this.#client ?? (await this.#connecting?.catch(() => null));
    this.#client = null;
    if (client) await this.#end(client);
  }

  async #create(): Promise<void> {
    const client = this.#client ?? (await this.connect());
    if (this.#hasSchema) return;
    const { schema, location } = this.#options;
    await this.#held(client, async () => {
      try {
        await createSchema(client, schema, location);
      } catch (error) {
        throw failureOf(error, location, 'reads');
      }
    });
    this.#hasSchema = true;
  }

  async #connect(): Promise<PostgresClient> {
    const { url, location, schema, connectTimeoutMs, statementTimeoutMs } = this.#options;
    const makeClient = await loadPostgres();
    let client: PostgresClient | null = null;
    try {
      const made = makeClient({
        connectionString: url,
        application_name: 'xstate-fleet',
        connectionTimeoutMillis: connectTimeoutMs,
        statement_timeout: statementTimeoutMs,
        query_timeout: this.#answerMs,
        keepAlive: true,
        keepAliveInitialDelayMillis: keepAliveMs,
        pipeline: true,
        types: cellTypes
      });
      client = made;
      made.on('error', () => this.#lose(made));
      made.on('end', () => this.#lose(made));
      made.on('notification', () => this.#hooks.onNotification?.());
      await made.connect();
      const greeting = this.#hooks.greeting?.() ?? null;
      const greeted = made.query(greeting === null ? settings : `${settings}; ${greeting}`);
      const found = hasSchema(made, schema, location);
      await Promise.all([greeted, found]);
      this.#hasSchema = await found;
      if (this.#isClosed) throw this.#closed();
      if (this.#pending === 0) made.unref();
      this.#client = made;
      return made;
    } catch (error) {
      if (client) await this.#end(client);
      throw connectFailureOf(error, location);
    }
  }

  /** Says goodbye, and does not wait for ever for a server that may be cut off: its answer may never come. */
  async #end(client: PostgresClient): Promise<void> {
    client.ref();
    const goodbye = setTimeout(
      () => client.connection.stream.destroy(),
      this.#pending === 0 ? silenceMs : this.#answerMs
    );
    await client.end().catch(() => undefined);
    clearTimeout(goodbye);
  }

  /** How long an answer is waited for. */
  get #answerMs(): number {
    return this.#options.statementTimeoutMs + silenceMs;
  }

  /** Somebody may have made it since this connection was. @returns Whether it is there. */
  async #findSchema(client: PostgresClient): Promise<boolean> {
    const { schema, location } = this.#options;
    return this.#held(client, async () => {
      try {
        return (this.#hasSchema = await hasSchema(client, schema, location));
      } catch (error) {
        if (hasEnded(error)) this.#lose(client);
        throw failureOf(error, location, 'reads');
      }
    });
  }

  /** The process is kept alive until an answer has come. */
  async #held<T>(client: PostgresClient, work: () => Promise<T>): Promise<T> {
    if (this.#pending === 0) client.ref();
    this.#pending += 1;
    try {
      return await work();
    } finally {
      this.#pending -= 1;
      if (this.#pending === 0) client.unref();
    }
  }

  #lose(client: PostgresClient): void {
    if (this.#client === client) this.#client = null;
  }

  #closed(): StoreError {
    return new StoreError('ERR_STORE_CLOSED', `Store ${this.#options.location} was closed`, 'refused');
  }

  #noSchema(): StoreError {
    const message = `Store ${this.#options.location} does not exist: no fleet was ever opened there`;
    return new StoreError('ERR_STORE_IO', message, 'refused');
  }
}

/** Numbers are numbers, as in the other stores, and a truth value is 1 or 0; everything else is text. */
const cellTypes: CustomTypesConfig = {
  getTypeParser: (oid: number) => {
    if (oid === oids.bool) return (text: string) => (text === 't' ? 1 : 0);
    return numberOids.has(oid) ? Number : String;
  }
};

/** @see https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat */
const oids = { bool: 16, int8: 20, int2: 21, int4: 23, float4: 700, float8: 701 } as const;
const numberOids: ReadonlySet<number> = new Set([oids.int8, oids.int2, oids.int4, oids.float4, oids.float8]);
