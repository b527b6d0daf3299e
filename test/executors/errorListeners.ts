/** The runner would take the errors of these tests for its own. @returns Gives them back to it. */
export function silenceRunner(): () => void {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const saved = events.map((event) => process.rawListeners(event) as (() => void)[]);
  for (const event of events) process.removeAllListeners(event);
  return () => {
    for (const [index, event] of events.entries()) {
      process.removeAllListeners(event);
      for (const listener of saved[index]!) process.on(event, listener);
    }
  };
}
