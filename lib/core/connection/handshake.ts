import type { Statement } from '../sql/lock-statements.js';

/** What a server says of itself when a connection is made. */
export interface ServerFacts {
  readonly backendPid: number;
  /** Such as `PostgreSQL 18.4 on x86_64-pc-linux-gnu, …`. */
  readonly version: string;
  /** Such as 180004. */
  readonly versionNumber: number;
  /** A standby, which grants the same key as its primary. */
  readonly isInRecovery: boolean;
}

const HANDSHAKE: Statement = {
  text: `SELECT pg_catalog.json_build_object(
  'backendPid', pg_catalog.pg_backend_pid(),
  'version', pg_catalog.version(),
  'versionNumber', pg_catalog.current_setting('server_version_num')::int4,
  'isInRecovery', pg_catalog.pg_is_in_recovery())`,
};

/** Asks the server who it is. */
export async function shakeHands(
  query: (statement: Statement) => Promise<(string | null)[]>,
): Promise<ServerFacts> {
  const [facts] = await query(HANDSHAKE);
  return JSON.parse(facts ?? '') as ServerFacts;
}
