import type { Contender } from './contender.js';
import { type Turn, TurnRecorder } from './turn-recorder.js';

/**
 * When a caller that has had the lock asks again: when all have had it, or at once. In the second the lock is
 * never free.
 */
export type AsksAgain = 'together' | 'at once';

export interface HotKeyLoad {
  callers: number;
  durationMs: number;
  asksAgain: AsksAgain;
}

/**
 * Callers that want one name. Libraries are compared with callers that ask together: if each asked again at
 * once, a lock that polls would go back to the caller that has just released it, which looks fast: in 2 s
 * with 50 callers, of 3,186 locks of redis-semaphore a second 94 went to another caller, and redlock served
 * 34 of the 50 at all.
 */
export async function measureHotKey(
  { waitWithLock }: Contender,
  { callers, durationMs, asksAgain }: HotKeyLoad,
): Promise<Turn[]> {
  if (waitWithLock === undefined) throw new Error('it cannot wait');
  const turns = new TurnRecorder();
  const takeTurn = async (caller: number) => {
    const askedAt = turns.now();
    await waitWithLock('hot', async () => {
      const grantedAt = turns.now();
      // Others would get in here if they could.
      await Promise.resolve();
      turns.add(caller, askedAt, grantedAt);
    });
  };
  const everyCaller = Array.from({ length: callers }, (_, caller) => caller);
  const end = turns.now() + durationMs;
  const takeTurns = async (caller: number) => {
    while (turns.now() < end) await takeTurn(caller);
  };
  if (asksAgain === 'at once') await Promise.all(everyCaller.map(takeTurns));
  else while (turns.now() < end) await Promise.all(everyCaller.map(takeTurn));
  return turns.all();
}
