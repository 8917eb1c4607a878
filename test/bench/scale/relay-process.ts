import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { StatementCounter } from './statement-counter.js';

/** What has passed the relay since it started, of all connections. */
export interface Traffic {
  readonly statements: number;
  /** In both directions. */
  readonly bytes: number;
}

/*
 * A process that stands in front of the server, and counts what passes. It is one of its own, so that its
 * work counts neither for the server nor for an instance.
 */
const [, , serverPort] = process.argv;
let [statements, bytes] = [0, 0];
const sockets = new Set<Socket>();

const listener = createServer({ noDelay: true }, (client) => {
  const server = connect({ host: '127.0.0.1', port: Number(serverPort), noDelay: true });
  const counter = new StatementCounter();
  client.on('data', (chunk: Buffer) => {
    const before = counter.count;
    counter.read(chunk);
    statements += counter.count - before;
  });
  forward(client, server);
  forward(server, client);
});

function forward(source: Socket, sink: Socket): void {
  sockets.add(source);
  source.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    sink.write(chunk);
  });
  source.on('error', () => undefined);
  source.on('end', () => sink.end());
  source.on('close', () => {
    sockets.delete(source);
    sink.destroy();
  });
}

listener.listen(0, '127.0.0.1');
await once(listener, 'listening');
process.on('message', () => process.send?.({ statements, bytes } satisfies Traffic));
process.send?.({ port: (listener.address() as AddressInfo).port });
await once(process, 'disconnect');
listener.close();
for (const socket of sockets) socket.destroy();
