import type { ServerQueries } from '../../core/index.js';

/*
 * Any client that can connect to the database may send a notification. Postgres says which backend has sent
 * it, and which role that backend has logged in with: that cannot be forged. `pg_stat_activity` shows role
 * and pid to everyone. https://www.postgresql.org/docs/current/monitoring-stats.html
 */
const SENDER = `SELECT 'yes'::pg_catalog.text FROM pg_catalog.pg_stat_activity AS sender
 WHERE sender.pid OPERATOR(pg_catalog.=) $1::pg_catalog.int4
   AND sender.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()`;

const MAY_ORDER = `${SENDER} AND pg_catalog.pg_has_role(sender.usesysid, session_user, 'MEMBER')`;

const IS_OF_APPLICATION = `${SENDER} AND (pg_catalog.pg_has_role(sender.usesysid, session_user, 'MEMBER')
    OR pg_catalog.pg_has_role(session_user, sender.usesysid, 'MEMBER'))`;

/**
 * Whether the backend is there, and its role may do what the role of this instance may: it is the same one, a
 * member of it, or a superuser.
 */
export function mayOrder(server: Pick<ServerQueries, 'query'>, backendPid: number): Promise<boolean> {
  return finds(server, MAY_ORDER, backendPid);
}

/** Whether the backend is there, with such a role, or one that this role is a member of. */
export function isOfApplication(server: Pick<ServerQueries, 'query'>, backendPid: number): Promise<boolean> {
  return finds(server, IS_OF_APPLICATION, backendPid);
}

async function finds(
  server: Pick<ServerQueries, 'query'>,
  text: string,
  backendPid: number,
): Promise<boolean> {
  return (await server.query({ text, values: [String(backendPid)] })).length === 1;
}
