import { setTimeout as sleep } from 'node:timers/promises';
import { startInstance } from './fleet-app.js';
import { hold, type Way } from './ways.js';

// Waits for a lock, whenever and in whichever way it is told to, and says when it is its turn.
const instance = await startInstance();

async function call(way: Way, caller: number): Promise<void> {
  const turn = hold(instance, way, caller, async () => {
    process.send?.({ type: 'turn', caller });
    await sleep(Math.random());
  });
  // Each of these answers comes after those to what the call has asked before it waits, which is no more often than this.
  for (let trip = 0; trip < 3; trip += 1) await instance.locks.isLocked('another');
  process.send?.({ type: 'waiting', caller });
  await turn;
}

process.on('message', ({ way, caller }: { way?: Way; caller: number }) => {
  if (way !== undefined) void call(way, caller);
  else void instance.close().then(process.disconnect.bind(process));
});
process.send?.({ type: 'ready' });
