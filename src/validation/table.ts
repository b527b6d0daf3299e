/** Columns as wide as their widest cell: words to the left, numbers to the right, where `isNumber` holds for a column. */
export function table(
  rows: readonly (readonly string[])[],
  isNumber: (column: number) => boolean = () => false
): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
      )
      .join('  ');
  return rows.map((cells) => `${line(cells).trimEnd()}\n`).join('');
}
