import type { Listening, LockConnection } from './lock-connection.js';
import type { LockConnections } from './lock-connections.js';

/** What a session needs of its connection. */
export type Connection = Pick<LockConnection, keyof LockConnection>;

/** Opens connections for locks: to a server, or to the double of one in tests. */
export interface ConnectionSource extends Omit<Pick<LockConnections, keyof LockConnections>, 'open'> {
  open(listening?: Listening): Promise<Connection>;
}
