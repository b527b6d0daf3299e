/** Handlers that take their worker with them. */
export const handlers = {
  dieOnce: (_data, { attempt }) => (attempt === 1 ? process.exit(1) : `attempt ${attempt}`)
};
