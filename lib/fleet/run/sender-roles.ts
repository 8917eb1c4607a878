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

/** For how long a sender that was refused is refused without a query, in milliseconds. */
const REFUSED_FOR_MS = 10_000;

/** Checks the roles of senders. */
export class SenderRoles {
  /** The checks that are on their way, and those that have refused a sender of late. */
  private readonly checks = new Map<number, Promise<boolean>>();

  constructor(private readonly server: Pick<ServerQueries, 'query'>) {}

  /**
   * Whether the backend is there, and its role may do what the role of this instance may: it is the same one,
   * a member of it, or a superuser. Orders that arrive during a check share it, and a refusal is
   * remembered, so that a flood of orders costs few queries. Rejects as the query does.
   */
  mayOrder(backendPid: number): Promise<boolean> {
    const known = this.checks.get(backendPid);
    if (known !== undefined) return known;
    const check = this.finds(MAY_ORDER, backendPid);
    this.checks.set(backendPid, check);
    const forget = (): boolean => this.checks.delete(backendPid);
    check.then((mayOrder) => {
      if (mayOrder) forget();
      else setTimeout(forget, REFUSED_FOR_MS).unref();
    }, forget);
    return check;
  }

  /** Whether the backend is there, with such a role, or one that this role is a member of. */
  isOfApplication(backendPid: number): Promise<boolean> {
    return this.finds(IS_OF_APPLICATION, backendPid);
  }

  private async finds(text: string, backendPid: number): Promise<boolean> {
    return (await this.server.query({ text, values: [String(backendPid)] })).length === 1;
  }
}
