import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until the condition holds; for what sends no event. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() >= deadline) throw new Error(`Not within ${String(timeoutMs)} ms: ${what}`);
    await delay(20);
  }
}
