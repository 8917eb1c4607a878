import { afterAll, afterEach, beforeEach } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';

type Cleanup = () => unknown;

const afterTest: Cleanup[] = [];
const afterFile: Cleanup[] = [];
/** Of the body that runs with clean-ups of its own. */
const ofBody = new AsyncLocalStorage<Cleanup[]>();
let isTestRunning = false;

/**
 * Runs after the test, or after the whole file when no test is running yet (in `beforeAll`); last in, first
 * out, and always before the leak check of `useTestDatabase`. A plain `afterEach` beside `useTestDatabase()`
 * would run too late: Jest runs hooks of one scope in the order of their definition.
 */
export function defer(cleanup: Cleanup): void {
  (ofBody.getStore() ?? (isTestRunning ? afterTest : afterFile)).push(cleanup);
}

/** Runs a body, and then what it has deferred: for bodies that run at the same time. */
export async function withOwnCleanup(body: () => unknown): Promise<void> {
  const cleanups: Cleanup[] = [];
  await ofBody.run(cleanups, async () => {
    // The first that is in is the last that runs.
    await runAll([() => runAll(cleanups), body]);
  });
}

/** Stands for the body that this is called in; missing outside `withOwnCleanup`. */
export function currentBody(): object | undefined {
  return ofBody.getStore();
}

export async function cleanUpAfterTest(): Promise<void> {
  isTestRunning = false;
  await runAll(afterTest);
}

/** How many clean-ups wait for the end of the file, for `cleanUpDownTo`. */
export function pendingCleanups(): number {
  return afterFile.length;
}

/** Runs what was deferred since then: a `describe` block ends before its file does. */
export async function cleanUpDownTo(count: number): Promise<void> {
  await runAll(afterFile, count);
}

async function runAll(cleanups: Cleanup[], downTo = 0): Promise<void> {
  const errors: unknown[] = [];
  while (cleanups.length > downTo) {
    try {
      await cleanups.pop()?.();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, 'Several clean-ups failed');
}

beforeEach(() => {
  isTestRunning = true;
});
afterEach(cleanUpAfterTest);
afterAll(() => cleanUpDownTo(0));
