/** The value below which this part of all values is; the median by default. */
export function quantile(values: number[], part = 0.5): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * part)];
}
