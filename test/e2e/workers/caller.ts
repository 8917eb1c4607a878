import { setTimeout as sleep } from 'node:timers/promises';
import { startInstance } from './fleet-app.js';
import { hold, type Way } from './ways.js';

// Waits for a lock when and how it is ordered to, until it is ordered to leave; reports when it is its turn,
// and when the call is over.
const instance = await startInstance();
const leaving = new Map<number, AbortController>();

/** Whether the wait ended by order. */
function isEndOfWait(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return code === 'LOCK_TIMEOUT' || name === 'AbortError';
}

async function call(way: Way, caller: number, waitMs: number): Promise<void> {
  const controller = new AbortController();
  leaving.set(caller, controller);
  const turn = async (): Promise<boolean> => {
    process.send?.({ type: 'turn', caller });
    await sleep(Math.random());
    return true;
  };
  const over = hold(instance, way, caller, turn, { waitMs, signal: controller.signal }).catch(
    (error: unknown) => {
      if (isEndOfWait(error)) return false;
      throw error;
    },
  );
  // These results follow those of the queries that the call sends before it
  // waits, of which there are no more.
  for (let trip = 0; trip < 3; trip += 1) await instance.locks.isLocked('another');
  process.send?.({ type: 'waiting', caller });
  process.send?.({ type: 'over', caller, isServed: await over });
}

interface Order {
  readonly type: 'call' | 'leave' | 'end';
  readonly way: Way;
  readonly caller: number;
  /** Without a limit by default. */
  readonly waitMs?: number;
}

process.on('message', ({ type, way, caller, waitMs = Infinity }: Order) => {
  if (type === 'call') void call(way, caller, waitMs);
  else if (type === 'leave') leaving.get(caller)?.abort();
  else void instance.close().then(process.disconnect.bind(process));
});
process.send?.({ type: 'ready' });
