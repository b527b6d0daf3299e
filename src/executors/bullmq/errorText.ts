/** What an error says: of several at once, as a connection to `localhost` gives them, the first. */
export function errorText(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}
