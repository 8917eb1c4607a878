import { setTimeout as sleep } from 'node:timers/promises';
import { openLocks } from '../support/open-locks.js';

/** Between two locks, in milliseconds. */
const PAUSE_MS = 2;

const longName = (n: number): string => `${'блокировка'.repeat(24)}:${n}`;

/** A child process, which measures how long locks take, one after the other, for as long as it is told. */
const [url = '', held = '0', joins = 'true'] = process.argv.slice(2);
const locks = openLocks(url, { joinsFleet: joins === 'true' });
for (let n = 0; n < Number(held); n += 1) await locks.service.acquire(longName(n));
let lastKey = 0;

process.on('message', ({ durationMs }: { durationMs: number }) => {
  void measure(durationMs).then((result) => process.send?.(result));
});
process.on('disconnect', () => void locks.close());
process.send?.('ready');

async function measure(durationMs: number): Promise<{ times: number[]; failed: number }> {
  const times: number[] = [];
  let failed = 0;
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    const from = performance.now();
    await locks.service.withLock(`${process.pid}:${++lastKey}`, () => undefined).catch(() => (failed += 1));
    times.push(performance.now() - from);
    await sleep(PAUSE_MS);
  }
  return { times, failed };
}
