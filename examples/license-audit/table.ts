/**
 * Rows as text, under their heads.
 *
 * @param heads - `>` in front of one aligns its column to the right.
 * @returns Empty where there are no rows.
 */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const titles = heads.map((head) => head.replace('>', ''));
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        heads[column]!.startsWith('>') ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
      )
      .join('  ')
      .trimEnd();
  return [line(titles), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
