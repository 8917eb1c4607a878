import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DroppedReports } from '../../lib/fleet/dropped-reports.js';
import { FleetResponder } from '../../lib/fleet/fleet-responder.js';
import { FloodGuard } from '../../lib/fleet/flood-guard.js';
import { withoutLongNames } from '../../lib/fleet/local-locks.js';
import { asciiJson } from '../../lib/fleet/parts.js';

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

it('sends a long report in several statements, so that locks are taken between them', async () => {
  const sent: { readonly values?: readonly unknown[] }[] = [];
  const made = new FleetResponder({
    send: (statement) => Promise.resolve(sent.push(statement)),
    snapshot: () => () => ({
      instance: 'web',
      backends: [1],
      upMs: 0,
      locks: [],
      jobs: Array.from({ length: 900 }, (_, n) => ({ name: `job ${n}`, method: 'm'.repeat(200), ticks: [] })),
    }),
    dropped: new DroppedReports({ debug: () => undefined }),
  });
  made.receive(7, '{"id":"q1","keys":[]}');
  await jest.advanceTimersByTimeAsync(0);
  const parts = sent.map(({ values = [] }) => JSON.parse(String(values[0])) as [string, string][]);
  expect(parts.length).toBeGreaterThan(5);
  for (const each of parts) expect(each.length).toBeLessThanOrEqual(4);
  const texts = parts.flat().map(([, part]) => part.replace(/^q1 \d+\/\d+ /, ''));
  expect(JSON.parse(texts.join(''))).toMatchObject({ instance: 'web', backends: [1] });
});

it('sends the names of the first locks, as long as all of them together are not long', () => {
  const lock = (n: number, name: string) => ({ key: String(n), name, heldMs: 1 });
  const short = Array.from({ length: 500 }, (_, n) => lock(n, `order:${n}`));
  expect(withoutLongNames(short)).toEqual(short);
  const long = Array.from({ length: 500 }, (_, n) => lock(n, `${'ключ'.repeat(60)}:${n}`));
  const sent = withoutLongNames(long);
  expect(sent[0]).toEqual(long[0]);
  expect(sent.at(-1)).toEqual({ key: '499', name: '499', heldMs: 1 });
  expect(asciiJson(sent).length).toBeLessThan(150_000);
  // A name of this length was cut, so that no key proves it.
  expect(withoutLongNames([lock(1, 'x'.repeat(300))])).toEqual([lock(1, '1')]);
});

describe('a flood of notifications', () => {
  function guarded() {
    const pauses: number[] = [];
    const ends: (() => void)[] = [];
    const guard = new FloodGuard({
      pauseListening: (pauseMs) => {
        pauses.push(pauseMs);
        return new Promise((resolve) => ends.push(resolve));
      },
      log: { warn: () => undefined },
    });
    const flood = (): number => Array.from({ length: 25_000 }, () => guard.allows()).filter(Boolean).length;
    const stopped = async (): Promise<void> => {
      ends.pop()?.();
      await jest.advanceTimersByTimeAsync(0);
    };
    return { guard, pauses, flood, stopped };
  }

  it('ends the listening for a while, which is longer when it goes on', async () => {
    const { guard, pauses, flood, stopped } = guarded();
    expect(flood()).toBe(20_000);
    expect(guard.allows()).toBe(false);
    await stopped();
    expect(guard.allows()).toBe(true);
    flood();
    await stopped();
    flood();
    await stopped();
    const [first = 0, , third = 0] = pauses;
    expect(pauses).toHaveLength(3);
    expect(first).toBeLessThanOrEqual(10_000);
    expect(third).toBeGreaterThan(first);
    await jest.advanceTimersByTimeAsync(3_600_000);
    flood();
    expect(pauses.at(-1)).toBeLessThanOrEqual(10_000);
  });

  it('is not what a large fleet sends', async () => {
    const { guard, pauses } = guarded();
    for (let second = 0; second < 3; second += 1) {
      const allowed = Array.from({ length: 15_000 }, () => guard.allows());
      expect(allowed).not.toContain(false);
      await jest.advanceTimersByTimeAsync(1_000);
    }
    expect(pauses).toEqual([]);
  });
});
