import type { SnapshotFrom } from 'xstate';
import type { BatchStatus } from '../../machines/batch.ts';
import type { TaskError, TaskResult } from '../../machines/task.ts';
import type { taskMachine } from '../../machines/taskMachine.ts';
import type { TaskView } from '../fleet/views.ts';
import type { ServeOptions } from './serveOptions.ts';

/** Characters of JSON that the values of one answer may have: a thousand results may have a megabyte each. */
const maxLength = 8_000_000;

/**
 * What leaves of tasks, batches and results: by default nothing that callers and handlers put into them but the
 * messages of errors and the lines of logs, which handlers write for readers. Never a stack, which names files. Of one
 * answer: values that are too large for what is left of it are left out, too.
 */
export class ShownValues {
  readonly #redact: ServeOptions['redact'];
  #lengthLeft = maxLength;

  constructor(redact: ServeOptions['redact']) {
    this.#redact = redact;
  }

  task({ data, metadata, progress, ...task }: TaskView): object {
    return { ...task, ...this.#shown({ data, metadata, progress }) };
  }

  batch({ metadata, ...batch }: BatchStatus): object {
    return { ...batch, ...this.#shown({ metadata }) };
  }

  result({ result, failure, ...rest }: TaskResult): object {
    return { ...rest, ...(failure && { failure: withoutStack(failure) }), ...this.#shown({ result }) };
  }

  snapshot(snapshot: SnapshotFrom<typeof taskMachine>): object {
    const { error } = snapshot.context;
    return { ...snapshot, context: { ...snapshot.context, error: error && withoutStack(error) } };
  }

  #shown(values: Readonly<Record<string, unknown>>): object {
    if (this.#redact === undefined) return {};
    const shown: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) continue;
      try {
        const redacted = this.#redact(value);
        // Throws for what JSON cannot hold, which would take the whole answer with it.
        const { length } = JSON.stringify(redacted) ?? '';
        if (length > this.#lengthLeft) continue;
        this.#lengthLeft -= length;
        shown[name] = redacted;
      } catch {
        // Rather nothing than what was not to be seen.
      }
    }
    return shown;
  }
}

function withoutStack({ stack: _, ...error }: TaskError): TaskError {
  return error;
}
