import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Clock } from '../clock.ts';
import { errorOf } from '../handlers/outcome.ts';
import { parseJson } from '../validation/jsonText.ts';
import { limits } from '../validation/limits.ts';
import type { SchemaAnswer } from './channel.ts';
import { assertCloneable } from './cloneable.ts';
import type { Isolate } from './isolate.ts';

export interface IsolatedSchemasOptions {
  /** Opens an isolate with the module. Throws when the executor has stopped. */
  readonly open: () => Isolate;
  readonly clock: Clock;
}

/**
 * The schemas of a module, seen from the outside: what validates is an isolate of their own, which runs no attempts.
 *
 * So a handler that blocks holds up no submission, and a schema that blocks or ends its isolate costs no attempt. An
 * isolate that has not answered within `limits.schemaMs` is asked nothing more, and ended once it owes nothing.
 */
export class IsolatedSchemas {
  readonly #options: IsolatedSchemasOptions;
  readonly #schemas = new Map<string, StandardSchemaV1>();
  readonly #questions = new Map<number, Question>();
  #lastId = 0;
  /** `null`: the next question opens one. */
  #isolate: Isolate | null = null;

  constructor(options: IsolatedSchemasOptions) {
    this.#options = options;
  }

  /** @param types - Those that have a schema. @param isolate - Has loaded the module, and runs no attempts. */
  begin(types: readonly string[], isolate: Isolate | null): void {
    this.#schemas.clear();
    for (const type of types) this.#schemas.set(type, this.#schemaFor(type));
    this.#isolate = isolate;
  }

  /** Forgets its isolate. Whoever waits hears of it when that has ended. */
  stop(): void {
    this.#isolate = null;
  }

  of(type: string): StandardSchemaV1 | undefined {
    return this.#schemas.get(type);
  }

  take(isolate: Isolate, id: number, answer: SchemaAnswer): void {
    // The question has expired, or a handler has made the answer up.
    if (this.#questions.get(id)?.isolate !== isolate) return;
    const { resolve, reject } = this.#close(id)!;
    if (answer.status === 'failed') reject(errorOf(answer.error));
    else resolve(answer.status === 'taken' ? { value: parseJson(answer.json) } : { issues: answer.issues });
    this.#retire(isolate);
  }

  ended(isolate: Isolate, reason: string): void {
    if (this.#isolate === isolate) this.#isolate = null;
    // One that never was ready tells why itself.
    if (!isolate.isReady) return;
    const error = new Error(`what validates ${reason}`);
    for (const [id, question] of [...this.#questions]) {
      if (question.isolate === isolate) this.#close(id)!.reject(error);
    }
  }

  #schemaFor(type: string): StandardSchemaV1 {
    const validate = (data: unknown): Promise<StandardSchemaV1.Result<unknown>> => this.#ask(type, data);
    return { '~standard': { version: 1, vendor: 'xstate-fleet', validate } };
  }

  /** Reads the data at once, as a schema in this process would: the caller may change it then. */
  #ask(type: string, data: unknown): Promise<StandardSchemaV1.Result<unknown>> {
    assertCloneable(data);
    const isolate = (this.#isolate ??= this.#options.open());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const alarm = this.#options.clock.setAlarm(() => this.#expire(id), limits.schemaMs);
      this.#questions.set(id, { isolate, alarm, resolve, reject });
      const fail = (error: unknown): void => this.#close(id)?.reject(error as Error);
      const post = (asked: unknown): void => isolate.post({ type: 'validate', id, of: type, data: asked });
      try {
        if (isolate.isReady) post(data);
        else void isolate.ready.then(post.bind(null, structuredClone(data))).catch(fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  #expire(id: number): void {
    const { isolate, reject } = this.#close(id)!;
    if (this.#isolate === isolate) this.#isolate = null;
    reject(new Error(`no answer within ${limits.schemaMs} ms`));
    this.#retire(isolate);
  }

  #close(id: number): Question | undefined {
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    question?.alarm[Symbol.dispose]();
    return question;
  }

  /** Ends an isolate that is asked nothing more, once it owes no answer. */
  #retire(isolate: Isolate): void {
    if (this.#isolate === isolate) return;
    for (const question of this.#questions.values()) if (question.isolate === isolate) return;
    void isolate.stop();
  }
}

/** Somebody who waits for what a schema makes of data. */
interface Question {
  readonly isolate: Isolate;
  readonly alarm: Disposable;
  readonly resolve: (result: StandardSchemaV1.Result<unknown>) => void;
  readonly reject: (error: Error) => void;
}
