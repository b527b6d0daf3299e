/** A file of `count` readings of one station in Fahrenheit, some of them broken; the same for the same station. */
export function sampleFile(station: number, count: number): string {
  const readings = Array.from({ length: count }, (_, index) => {
    const value = 60 + 25 * Math.sin((station * 97 + index) / 40);
    if (index % 50 === 13) return 'n/a';
    if (index % 75 === 20) return '9999';
    return value.toFixed(2);
  });
  return ['broken', ...readings].map((value, index) => `sensor-${index % 7},${value}`).join('\n');
}
