import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Lane } from './tcp-lane.js';

export interface Directions {
  readonly toServer?: boolean;
  readonly toClient?: boolean;
}

/** Stands on loopback in front of a server, and breaks the connections through it on demand. */
export class TcpProxy {
  /** Where new connections are led: a port of loopback, or the server of a URL. */
  target: number | string;
  readonly port: number;
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  readonly #silent = { toServer: false, toClient: false };
  #delayMs = 0;

  constructor(target: number | string, listener: Server) {
    this.target = target;
    this.#listener = listener.on('connection', (client) => {
      this.#admit(client);
    });
    this.port = (listener.address() as AddressInfo).port;
  }

  get connectionCount(): number {
    return this.#pairs.size;
  }

  /** The same URL, but through the proxy. */
  url(of: string): string {
    const url = new URL(of);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /**
   * Forwards nothing any more, neither bytes nor the end of a connection, and closes nothing: both ways, or
   * one way. It holds for new connections too. Their handshake is done by the proxy's own kernel, so they are
   * established, but the server does not notice them.
   */
  silence(directions: Directions = { toServer: true, toClient: true }): void {
    this.#silent.toServer = directions.toServer ?? false;
    this.#silent.toClient = directions.toClient ?? false;
    this.#flush();
  }

  /** Forwards what has arrived in the meantime, and all that arrives from now on. */
  resume(): void {
    this.silence({});
  }

  /** From now on everything arrives this much later. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Resets every connection, on both of its sides. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server?.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  /** New connections get ECONNREFUSED; the ones that are there stay. */
  async refuse(): Promise<void> {
    if (!this.#listener.listening) return;
    // Its `close` event waits for the connections; the port is free at once.
    this.#listener.close();
    await new Promise(setImmediate);
  }

  async accept(): Promise<void> {
    if (!this.#listener.listening) await listen(this.#listener, this.port);
  }

  async close(): Promise<void> {
    await this.refuse();
    this.cut();
  }

  #admit(client: Socket): void {
    const pair: Pair = { client, server: undefined };
    this.#pairs.add(pair);
    const toServer = new Lane(() => this.#silent.toServer);
    pair.toServer = toServer;
    // To connect is the first thing that travels to the server.
    toServer.send(this.#delayMs, () => {
      if (client.destroyed) return;
      const server = connect({ ...addressOf(this.target), allowHalfOpen: true, noDelay: true });
      const toClient = new Lane(() => this.#silent.toClient);
      pair.server = server;
      pair.toClient = toClient;
      this.#forward(server, () => client, toClient);
      server.once('close', () => {
        this.#forget(pair);
      });
    });
    this.#forward(client, () => pair.server, toServer);
    client.once('close', () => {
      this.#forget(pair);
    });
  }

  #forward(source: Socket, sink: () => Socket | undefined, lane: Lane): void {
    let isOver = false;
    source.on('data', (chunk) => {
      lane.send(this.#delayMs, () => sink()?.write(chunk));
    });
    source.on('end', () => {
      isOver = true;
      lane.send(this.#delayMs, () => sink()?.end());
    });
    source.on('error', () => undefined);
    source.on('close', () => {
      if (!isOver) lane.send(this.#delayMs, () => sink()?.resetAndDestroy());
    });
  }

  #forget(pair: Pair): void {
    if (pair.client.destroyed && (pair.server?.destroyed ?? true)) this.#pairs.delete(pair);
  }

  #flush(): void {
    for (const { toServer, toClient } of this.#pairs) {
      toServer?.flush();
      toClient?.flush();
    }
  }
}

interface Pair {
  readonly client: Socket;
  server: Socket | undefined;
  toServer?: Lane;
  toClient?: Lane;
}

export async function startProxy(target: number | string): Promise<TcpProxy> {
  const listener = createServer({ allowHalfOpen: true, noDelay: true });
  await listen(listener, 0);
  return new TcpProxy(target, listener);
}

function addressOf(target: number | string): { host: string; port: number } {
  if (typeof target === 'number') return { host: '127.0.0.1', port: target };
  const { hostname, port } = new URL(target);
  return { host: hostname, port: Number(port || 5432) };
}

async function listen(listener: Server, port: number): Promise<void> {
  listener.listen(port, '127.0.0.1');
  await once(listener, 'listening');
}
