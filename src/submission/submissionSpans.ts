import type { SubmissionSpan } from '../fleetTelemetry.ts';

/** Ends the span of a submission with it. @param submit - Gives its value, and what the span is to say of it. */
export async function endingSpan<T>(
  span: SubmissionSpan,
  submit: () => Promise<readonly [value: T, submitted: Parameters<SubmissionSpan['end']>[0]]>
): Promise<T> {
  try {
    const [value, submitted] = await submit();
    span.end(submitted);
    return value;
  } catch (error) {
    span.end({ error });
    throw error;
  }
}
