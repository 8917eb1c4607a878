import type { Contender } from './contender.js';
import { type DistinctKeysLoad, type LockCost, lockDistinctKeys } from './distinct-keys.js';

const body = () => Promise.resolve();

/** What leases cost, of a contender that refuses a lease that is held. */
export async function measureLeases(contender: Contender, load: DistinctKeysLoad): Promise<LockCost> {
  await contender.withLock('proof', async () => {
    const isRefused = await contender.withLock('proof', body).then(
      () => false,
      () => true,
    );
    if (!isRefused) throw new Error('a lease was granted twice');
  });
  return lockDistinctKeys(contender, load);
}
