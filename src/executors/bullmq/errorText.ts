/** What ioredis says of a command that has no connection, and is not to be kept or sent again: advice for its own users. */
const notConnected = /^(Stream isn't writeable and enableOfflineQueue|Reached the max retries per request)/;

/** What an error says: of several at once, as a connection to `localhost` gives them, the first. */
export function errorText(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const text = first instanceof Error ? first.message : String(first);
  return notConnected.test(text) ? 'there is no connection' : text;
}
