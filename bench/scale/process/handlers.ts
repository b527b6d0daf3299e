/** Gives back what it was given, so that a result is as large as its data. */
export function echo(data: string): string {
  return data;
}
