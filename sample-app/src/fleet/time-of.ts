/** The time of day on the board. */
export function timeOf(date: Date): string {
  return date.toLocaleTimeString('en-GB');
}
