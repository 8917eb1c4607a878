/** @import { DashboardLock, DashboardParty } from '../server/dashboard-snapshot.js' */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const numbers = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });

/** @param {number} value */
export function number(value) {
  return numbers.format(value);
}

/**
 * `1 lock`, `10,000 locks`.
 *
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/**
 * The two largest units of a duration: `3m 12s`, `2d 4h`.
 *
 * @param {number} ms
 */
export function duration(ms) {
  const rest = Math.max(0, ms);
  if (rest >= DAY) return `${number(Math.floor(rest / DAY))}d ${Math.floor((rest % DAY) / HOUR)}h`;
  if (rest >= HOUR) return `${Math.floor(rest / HOUR)}h ${Math.floor((rest % HOUR) / MINUTE)}m`;
  if (rest >= MINUTE) return `${Math.floor(rest / MINUTE)}m ${Math.floor((rest % MINUTE) / SECOND)}s`;
  return `${Math.floor(rest / SECOND)}s`;
}

/**
 * How long something took, where fractions of a second matter: `140 ms`, `1.4 s`.
 *
 * @param {number} ms
 */
export function took(ms) {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  return ms < 10 * SECOND ? `${(ms / SECOND).toFixed(1)} s` : duration(ms);
}

/**
 * A moment by the clock and the time zone of the browser; with its day unless that is today.
 *
 * @param {number} atMs
 * @param {number} nowMs
 */
export function moment(atMs, nowMs) {
  const time = clock.format(atMs);
  return day.format(atMs) === day.format(nowMs) ? time : `${day.format(atMs)}, ${time}`;
}

const MAX_NAME_LENGTH = 120;

/**
 * A name, or the beginning of one that is too long for the page.
 *
 * @param {string} name
 */
export function clipped(name) {
  if (name.length <= MAX_NAME_LENGTH) return name;
  return `${name.slice(0, MAX_NAME_LENGTH).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** @param {DashboardLock} lock */
export function lockTitle({ name, tool, key }) {
  return name ?? tool ?? key.id;
}

/**
 * The name of a holder or waiter, by the best that is known of it.
 *
 * @param {DashboardParty} party
 */
export function partyTitle({ instance, applicationName, user, pid }) {
  const known = instance ?? applicationName ?? user;
  if (known !== undefined && known !== '') return known;
  return pid === undefined ? 'a prepared transaction' : `pid ${pid}`;
}

/**
 * @param {DashboardParty} party
 * @returns {string} An empty text when it is unknown.
 */
export function since({ sinceMs, isAtLeast }) {
  if (sinceMs === undefined) return '';
  return isAtLeast === true ? `at least ${duration(sinceMs)}` : duration(sinceMs);
}
