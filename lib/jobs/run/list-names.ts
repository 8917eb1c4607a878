/** How many names a line has, at most. */
const MAX_NAMES = 10;

/** Names in one line: `a, b, c and 12 more`. */
export function listNames(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return `${names.slice(0, MAX_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
