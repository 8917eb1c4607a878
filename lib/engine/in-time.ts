const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Does the work, and when it takes too long does what makes it fail: a server that goes silent now would be waited for for ever. */
export async function inTime<T>(timeoutMs: number, cut: () => void, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(cut, Math.min(timeoutMs, LONGEST_TIMER_MS));
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
