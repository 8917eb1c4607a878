import type { Directions } from './tcp-proxy.js';
import { connectNamespaces, Namespace } from './namespace.js';

/**
 * Two machines with a cable between them: a server runs in one,
 * `startPrimary({ namespace: partition.server })`, and its clients in the other,
 * `startWorker(module, { execPath: partition.client.programInside(process.execPath) })`.
 * A client outside uses the server's `socketUrl`.
 */
export class NetworkPartition {
  readonly server = new Namespace('10.0.0.1');
  readonly client = new Namespace('10.0.0.2');

  constructor() {
    connectNamespaces(this.server, this.client);
  }

  /** Drops every packet without a word, on its arrival: both ways, or one way. */
  cut({ toServer = false, toClient = false }: Directions = { toServer: true, toClient: true }): void {
    this.heal();
    if (toServer) this.server.firewall('-A', 'INPUT', '-i', 'cable', '-j', 'DROP');
    if (toClient) this.client.firewall('-A', 'INPUT', '-i', 'cable', '-j', 'DROP');
  }

  heal(): void {
    this.server.firewall('-F', 'INPUT');
    this.client.firewall('-F', 'INPUT');
  }

  close(): Promise<void> {
    this.server.close();
    this.client.close();
    return Promise.resolve();
  }
}
