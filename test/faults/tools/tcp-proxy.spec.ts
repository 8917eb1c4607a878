import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import pg from 'pg';
import { withClient } from '../../support/admin.js';
import { defer } from '../../support/cleanup.js';
import { useTestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { closeAfterTest } from '../support/close-after-test.js';
import { startProxy } from '../support/tcp-proxy.js';

/** One side of a connection, with all that has arrived on it. */
class Side {
  received = '';
  events: string[] = [];

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => (this.received += chunk.toString()));
    socket.on('end', () => this.events.push('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.events.push(error.code ?? 'error'));
    defer(() => socket.destroy());
  }

  has(received: string): Promise<void> {
    return until(() => this.received === received, `"${received}" arrives, not "${this.received}"`);
  }

  saw(event: string): Promise<void> {
    return until(() => this.events.includes(event), `${event} arrives`);
  }
}

async function startListener() {
  const arrivals: Side[] = [];
  const listener = createServer({ allowHalfOpen: true }, (socket) => arrivals.push(new Side(socket)));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  defer(() => listener.close());
  const arrival = async (index: number): Promise<Side> => {
    await until(() => arrivals.length > index, 'the server accepts the connection');
    return arrivals[index] as Side;
  };
  return { port: (listener.address() as AddressInfo).port, arrivals, arrival };
}

async function open(port: number): Promise<Side> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return new Side(socket);
}

async function startPair() {
  const listener = await startListener();
  const proxy = await closeAfterTest(startProxy(listener.port));
  const client = await open(proxy.port);
  return { ...listener, proxy, client, server: await listener.arrival(0) };
}

/** What was sent before would have arrived by the time that these bytes have gone all the way five times. */
async function othersPass(): Promise<void> {
  const { client, server } = await startPair();
  for (let trip = 1; trip <= 5; trip++) {
    client.socket.write('>');
    await server.has('>'.repeat(trip));
    server.socket.write('<');
    await client.has('<'.repeat(trip));
  }
}

describe('the TCP proxy', () => {
  it('forwards both ways, and the end of either side', async () => {
    const { proxy, client, server } = await startPair();
    client.socket.write('question');
    await server.has('question');
    server.socket.write('reply');
    await client.has('reply');
    expect(proxy.connectionCount).toBe(1);

    client.socket.end();
    await server.saw('end');
    server.socket.end('late');
    await client.has('replylate');
    await client.saw('end');
    await until(() => proxy.connectionCount === 0, 'the connection is forgotten');
  });

  it('forwards a reset as a reset', async () => {
    const { client, server } = await startPair();
    server.socket.resetAndDestroy();
    await client.saw('ECONNRESET');
  });

  it('forwards nothing while it is silent, and all of it in order when it resumes', async () => {
    const { proxy, client, server } = await startPair();
    proxy.silence();
    client.socket.write('a');
    server.socket.write('x');
    client.socket.write('b');
    await othersPass();
    expect([server.received, client.received]).toEqual(['', '']);

    proxy.resume();
    await server.has('ab');
    await client.has('x');
  });

  it.each([
    { silent: { toServer: true }, arrives: 'client' },
    { silent: { toClient: true }, arrives: 'server' },
  ] as const)('is silent one way: $silent', async ({ silent, arrives }) => {
    const { proxy, client, server } = await startPair();
    proxy.silence(silent);
    client.socket.write('up');
    server.socket.write('down');
    if (arrives === 'client') await client.has('down');
    else await server.has('up');
    await othersPass();
    expect(arrives === 'client' ? server.received : client.received).toBe('');
    proxy.resume();
    await Promise.all([server.has('up'), client.has('down')]);
  });

  it('leaves the server half-open when the client goes while it is silent', async () => {
    const { proxy, client, server } = await startPair();
    proxy.silence();
    client.socket.resetAndDestroy();
    await othersPass();
    expect(server.events).toEqual([]);
    expect(server.socket.destroyed).toBe(false);
    proxy.resume();
    await server.saw('ECONNRESET');
  });

  it('leaves the client half-open when the server goes while it is silent', async () => {
    const { proxy, client, server } = await startPair();
    proxy.silence();
    server.socket.end();
    server.socket.destroy();
    await othersPass();
    expect(client.events).toEqual([]);
    proxy.resume();
    await client.saw('end');
  });

  it('establishes new connections while it is silent, which the server does not notice', async () => {
    const { proxy, arrivals, arrival } = await startPair();
    proxy.silence();
    const late = await open(proxy.port);
    late.socket.write('hello');
    await othersPass();
    expect(arrivals).toHaveLength(1);
    proxy.resume();
    await (await arrival(1)).has('hello');
  });

  it('resets open connections on both sides, even while it is silent, and accepts new ones', async () => {
    const { proxy, client, server } = await startPair();
    proxy.silence();
    proxy.cut();
    await Promise.all([client.saw('ECONNRESET'), server.saw('ECONNRESET')]);
    expect(proxy.connectionCount).toBe(0);
    proxy.resume();
    await open(proxy.port);
  });

  it('refuses new connections on the same port, and accepts them again', async () => {
    const { proxy, client, server } = await startPair();
    await proxy.refuse();
    await expect(open(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    client.socket.write('still there');
    await server.has('still there');
    await proxy.accept();
    await open(proxy.port);
  });

  it('delays what it forwards', async () => {
    const { proxy, client, server } = await startPair();
    proxy.delay(150);
    const start = performance.now();
    client.socket.write('slow');
    await server.has('slow');
    expect(performance.now() - start).toBeGreaterThanOrEqual(149);
  });

  it('leads new connections to another server, and resets those whose server is not there', async () => {
    const { proxy, client, server } = await startPair();
    const other = await startListener();
    proxy.target = other.port;
    (await open(proxy.port)).socket.write('new');
    await (await other.arrival(0)).has('new');
    client.socket.write('old');
    await server.has('old');

    proxy.target = 1;
    await (await open(proxy.port)).saw('ECONNRESET');
  });
});

describe('Postgres behind the TCP proxy', () => {
  const database = useTestDatabase();

  it('keeps the lock of a client that went while the proxy was silent', async () => {
    const proxy = await closeAfterTest(startProxy(database.url));
    const socket = new Socket();
    const client = new pg.Client({ connectionString: proxy.url(database.url), stream: () => socket });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('SELECT pg_advisory_lock(4)');
    proxy.silence();
    socket.resetAndDestroy();
    await once(socket, 'close');
    await othersPass();

    await withClient(database.url, async (other) => {
      const { rows } = await other.query('SELECT pg_try_advisory_lock(4) AS locked');
      expect(rows).toEqual([{ locked: false }]);
    });
    expect(await database.advisoryLocks()).toHaveLength(1);
    proxy.resume();
    await until(async () => (await database.advisoryLocks()).length === 0, 'the lock is free');
  });
});
