/** What ioredis says of a command while it has no connection, and is not to keep it for later. */
const notConnected = "Stream isn't writeable and enableOfflineQueue options is false";

/** What an error says: of several at once, as a connection to `localhost` gives them, the first. */
export function errorText(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const text = first instanceof Error ? first.message : String(first);
  return text === notConnected ? 'there is no connection' : text;
}
