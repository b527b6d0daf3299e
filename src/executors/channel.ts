import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AttemptRef, Json, Outcome, TaskError } from '../../machines/task.ts';
import type { AbortCause, Attempt } from '../executor.ts';
import type { DetachedErrorPolicy } from './inProcess.ts';

/** What an isolate is started with, as JSON text: the last argument of its thread or process. */
export interface IsolateSetup {
  /** URL of the module of handlers. */
  readonly module: string;
  readonly onDetachedError: DetachedErrorPolicy;
  /** The process that makes it. */
  readonly parent: number;
}

/** What an isolate is told. Structured-cloneable. */
export type ToIsolate =
  | { readonly type: 'run'; readonly attempts: readonly Attempt[] }
  | { readonly type: 'abort'; readonly attempt: AttemptRef; readonly cause: AbortCause }
  | { readonly type: 'probe' }
  /** What does the schema of a task type make of data? */
  | { readonly type: 'validate'; readonly id: number; readonly of: string; readonly data: unknown }
  /** Its handlers are aborted, then it ends by itself, unless they keep it from it. */
  | { readonly type: 'stop' };

/** What an isolate tells. Its attempts are named by `seq` and `attempt`. */
export type FromIsolate =
  | ({ readonly type: 'ready' } & LoadedModule)
  /** Its module cannot be used; `error` is `null` where it exports no handlers. */
  | { readonly type: 'unfit'; readonly error: TaskError | null }
  | { readonly type: 'settled'; readonly ends: readonly (AttemptRef & { readonly outcome: Outcome })[] }
  | ({ readonly type: 'progress'; readonly value: Json } & AttemptRef)
  | ({ readonly type: 'log'; readonly line: string } & AttemptRef)
  | ({ readonly type: 'detached'; readonly error: TaskError; readonly hasFailed: boolean } & DetachedRef)
  | { readonly type: 'validated'; readonly id: number; readonly answer: SchemaAnswer }
  | { readonly type: 'heartbeat' };

/** What an isolate knows of its module once it is loaded. */
export interface LoadedModule {
  /** Task types that have a handler. */
  readonly types: readonly string[];
  /** Those of them whose handler has a schema. */
  readonly schemaTypes: readonly string[];
}

/** What a schema makes of data. */
export type SchemaAnswer =
  /** Its output, as JSON text. */
  | { readonly status: 'taken'; readonly json: string }
  | { readonly status: 'refused'; readonly issues: readonly StandardSchemaV1.Issue[] }
  /** It threw, or made what JSON cannot hold. */
  | { readonly status: 'failed'; readonly error: TaskError };

/** The attempt may be over for long: what tells of it comes along. */
interface DetachedRef {
  readonly of: Attempt;
}

/** Port: the conversation with one thread or process. */
export interface Channel {
  /** Never throws: what is told to one that has ended is dropped. */
  post(message: ToIsolate): void;
  /** Ends it, whatever runs in it. */
  terminate(): void;
}

/** Who hears what a channel brings. */
export interface ChannelListener {
  receive(message: FromIsolate): void;
  /** Called once, after the last message. @param reason - How it ended, such as `ended with code 1`. */
  ended(reason: string): void;
}

export type OpenChannel = (setup: IsolateSetup, listener: ChannelListener) => Channel;

/** Where an isolate begins, and what has to be loaded before. */
export interface IsolateEntry {
  readonly url: URL;
  /** URL of a module that has to be imported before, so that Node runs the entry; `null`: none. */
  readonly preload: string | null;
}

/** The entry in the form in which this file was loaded: as TypeScript, or compiled. */
export function isolateEntry(): IsolateEntry {
  if (!import.meta.url.endsWith('.ts')) {
    return { url: new URL('./isolatedMain.js', import.meta.url), preload: null };
  }
  const url = new URL('./isolatedMain.ts', import.meta.url);
  const { typescript } = process.features as { typescript?: string | false };
  if (typescript) return { url, preload: null };
  // A loader that this process has registered reaches into no thread of Node 20, and into no process.
  const register = `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))}; register();`;
  return { url, preload: `data:text/javascript,${encodeURIComponent(register)}` };
}
