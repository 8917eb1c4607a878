let last = 0;

/** A number that no other hold of this process has. */
export function nextHoldId(): number {
  last += 1;
  return last;
}
