/** Threads, processes, and the lines to them. The runner has some of its own. */
export function resources(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /Worker|MessagePort|Process|Pipe/.test(kind));
}

/** Those that there are now, and were not before. */
export function leftSince(before: readonly string[]): string[] {
  const left = resources();
  for (const kind of before) if (left.includes(kind)) left.splice(left.indexOf(kind), 1);
  return left;
}
