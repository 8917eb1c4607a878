/** @import { DashboardLock } from '../server/dashboard-snapshot.js' */

/**
 * The forms of a key in SQL and in `pg_locks`, each with its title.
 *
 * @param {DashboardLock['key']} key
 * @returns {[what: string, text: string][]}
 */
export function keyForms({ classid, objid, objsubid }) {
  const bigint = BigInt.asIntN(64, (BigInt(classid) << 32n) | BigInt(objid));
  const pair = `${classid | 0}, ${objid | 0}`;
  return [
    objsubid === 1 ? ['Key', String(bigint)] : ['Key', `(${pair})`],
    ['In SQL', `pg_advisory_lock(${objsubid === 1 ? bigint : pair})`],
    ['In pg_locks', `classid ${classid}, objid ${objid}, objsubid ${objsubid}`],
  ];
}
