import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { DroppedReports } from '../../lib/fleet/dropped-reports.js';
import { FleetResponder } from '../../lib/fleet/fleet-responder.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A responder each of whose snapshots takes this long. */
function responder(snapshotMs: number) {
  const sent: unknown[] = [];
  const made = new FleetResponder({
    send: (statement) => Promise.resolve(sent.push(statement)),
    snapshot: () => {
      jest.advanceTimersByTime(snapshotMs);
      return () => ({ instance: 'web', backends: [1], upMs: 0, locks: [], jobs: [] });
    },
    dropped: new DroppedReports({ debug: () => undefined }),
  });
  let asked = 0;
  const ask = async (withinMs: number): Promise<number> => {
    asked += 1;
    made.receive(7, `{"id":"q${asked}","keys":[]}`);
    await jest.advanceTimersByTimeAsync(withinMs);
    return sent.length;
  };
  return { ask };
}

it('responds within 200 ms after a response that took long, as the first of a process may', async () => {
  const { ask } = responder(90);
  expect(await ask(0)).toBe(1);
  expect(await ask(200)).toBe(2);
});

it('makes a pause after several of them', async () => {
  const { ask } = responder(90);
  for (const count of [1, 2]) expect(await ask(200)).toBe(count);
  expect(await ask(200)).toBe(2);
  await jest.advanceTimersByTimeAsync(2_000);
  expect(await ask(0)).toBeGreaterThanOrEqual(3);
});
