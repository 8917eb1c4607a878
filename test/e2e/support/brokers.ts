import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { freePort } from '../../../sample-app/postgres/server.js';
import { startServerProcess } from '../../faults/support/server-process.js';
import { defer } from '../../support/cleanup.js';

const HOST = '127.0.0.1';

/** A Redis on loopback that keeps nothing, until the end of the test or of the file. */
export async function startRedis(): Promise<{ host: string; port: number }> {
  const port = await freePort();
  const settings = { port, bind: HOST, save: '', appendonly: 'no' };
  await start(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    /Ready to accept connections/,
  );
  return { host: HOST, port };
}

/** What a microservice and its clients connect to, started for them. */
export const BROKERS = {
  redis: async (): Promise<MicroserviceOptions> => ({
    transport: Transport.REDIS,
    options: await startRedis(),
  }),
  nats: async (): Promise<MicroserviceOptions> => {
    const port = await freePort();
    await start('nats-server', ['-a', HOST, '-p', String(port)], /Server is ready/);
    return { transport: Transport.NATS, options: { servers: [`nats://${HOST}:${port}`] } };
  },
};

async function start(program: string, args: string[], ready: RegExp): Promise<void> {
  const server = await startServerProcess({
    // Redis logs to the standard output.
    program: 'sh',
    args: ['-c', 'exec "$0" "$@" >&2', program, ...args],
    user: {},
    folder: '/tmp',
    ready,
  });
  defer(() => server.end('SIGTERM'));
}
