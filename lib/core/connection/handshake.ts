import { HANDSHAKE } from '../sql/server-statements.js';
import type { Statement } from '../sql/statement.js';

/** What a server reports about itself on a new connection. */
export interface ServerFacts {
  readonly backendPid: number;
  /** Such as `PostgreSQL 18.4 on x86_64-pc-linux-gnu, …`. */
  readonly version: string;
  /** Such as 180004. */
  readonly versionNumber: number;
  /** Whether it is a standby, which grants the same key as its primary. */
  readonly isInRecovery: boolean;
  /**
   * How many locks of all sessions the lock table has room for, approximately; `null` where the server does
   * not report it.
   */
  readonly lockTableCapacity?: number | null;
}

/** Queries what the server is. */
export async function shakeHands(
  query: (statement: Statement) => Promise<(string | null)[]>,
): Promise<ServerFacts> {
  const [facts] = await query(HANDSHAKE);
  return JSON.parse(facts ?? '') as ServerFacts;
}
