import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { openLocks } from '../../support/open-locks.js';

// Instances that share "tenants", and write into a file when each shard begins and ends, with its token: what
// is written is with the kernel before the process goes on, so that a kill leaves all of it.
const {
  TEST_URL: url = '',
  TEST_LOG: path = '',
  TEST_OF: of = '12',
  TEST_INSTANCES: count = '1',
} = process.env;
const file = openSync(path, 'a');
const note = (line: object): void => {
  const at = Number(process.hrtime.bigint() / 1_000n);
  writeSync(file, `${JSON.stringify({ pid: process.pid, at, ...line })}\n`);
};

const instances = Array.from({ length: Number(count) }, () => {
  const { service } = openLocks(url);
  const shares = service.shares('tenants', {
    of: Number(of),
    onGain: async (shard, signal) => {
      note({ shard, what: 'begins' });
      const token = await service.current()?.fencingToken();
      note({ shard, what: 'has', token: String(token) });
      if (!signal.aborted) await once(signal, 'abort');
    },
    onLose: (shard) => {
      note({ shard, what: 'ends' });
    },
  });
  return shares;
});

process.on('message', ({ order }: { order: 'owned' | 'stop' }) => {
  if (order === 'owned') process.send?.({ owned: instances.map(({ owned }) => owned.length) });
  else void stop();
});
process.send?.({ ready: true });

async function stop(): Promise<void> {
  await Promise.all(instances.map((shares) => shares.stop()));
  closeSync(file);
  process.exit();
}
