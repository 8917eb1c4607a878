import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/*
 * Owns a Redis that keeps nothing, and ends it when the channel to the
 * benchmark closes, however that one ended.
 */
const port = await freePort();
const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
const redis = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
const exited = once(redis, 'exit');
process.once('disconnect', () => redis.kill());

for await (const line of createInterface(redis.stdout)) {
  if (line.includes('Ready to accept connections')) process.send?.({ url: `redis://127.0.0.1:${port}` });
}
await exited;

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port: free } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return free;
}
