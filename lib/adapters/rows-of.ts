/** Some drivers resolve to the rows, others to an object that has them. */
export function rowsOf(result: unknown): readonly object[] {
  const rows = Array.isArray(result) ? result : (result as { rows?: unknown } | undefined)?.rows;
  return Array.isArray(rows) ? (rows as object[]) : [];
}
