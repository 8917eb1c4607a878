import { LockDeadlockError } from '../../../lib/core/index.js';
import { openLocks } from '../../support/open-locks.js';

// Holds the lock `outer`, and takes `inner` inside it when it is told to.
const [url = '', instanceName = '', outer = '', inner = ''] = process.argv.slice(2);
const locks = openLocks(url, { instanceName });

let outcome: object = { ran: true };
try {
  await locks.service.withLock(outer, async () => {
    process.send?.({ ready: true });
    await new Promise((resolve) => process.once('message', resolve));
    await locks.service.withLock(inner, () => undefined, { waitMs: Infinity });
  });
} catch (error) {
  if (!(error instanceof LockDeadlockError)) throw error;
  outcome = { ran: false, code: error.code, cycle: error.cycle };
}
await locks.close();
process.send?.({ outcome });
process.disconnect();
