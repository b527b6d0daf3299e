import type { StandardSchemaV1 } from '@standard-schema/spec';
import { taskErrorOf } from '../handlers/outcome.ts';
import { toJsonText } from '../validation/jsonText.ts';
import { show } from '../validation/show.ts';
import type { SchemaAnswer } from './channel.ts';

/** Asks a schema, and puts what it says in a form that crosses. Never rejects, whatever the schema does. */
export async function answerOf(schema: StandardSchemaV1 | undefined, data: unknown): Promise<SchemaAnswer> {
  try {
    const result = await schema!['~standard'].validate(data);
    if (result.issues) return { status: 'refused', issues: result.issues.map(readIssue) };
    return { status: 'taken', json: toJsonText(result.value ?? null, 'what it gives') };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(show(thrown));
    return { status: 'failed', error: taskErrorOf(error, () => false) };
  }
}

/** A symbol in a path, and whatever a library adds to an issue, would not cross. */
function readIssue({ message, path = [] }: StandardSchemaV1.Issue): StandardSchemaV1.Issue {
  const steps = Array.from(path, (step) => {
    const key = typeof step === 'object' ? step.key : step;
    return typeof key === 'number' ? key : String(key);
  });
  return { message: String(message), path: steps };
}
