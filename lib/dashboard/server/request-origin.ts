import { isIP } from 'node:net';
import { ForbiddenException } from '@nestjs/common';
import { describe } from '../../core/index.js';
import type { DashboardRequest } from './dashboard-request.js';
import type { AdvisoryLockDashboardOptions } from './dashboard.options.js';

/**
 * The header value that the page sends with requests that change something. A form of another site cannot
 * send it.
 */
const REQUESTED_WITH = 'nestjs-advisory-lock';

/**
 * Refuses requests that another site may have made the browser of a dashboard user send. From other origins a
 * custom header needs the permission of the server (CORS). Applications often grant it to all origins, so the
 * origin that the browser reports is checked too. Throws `ForbiddenException`.
 *
 * @see https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
 */
export function refuseOtherOrigins(
  { headers }: Pick<DashboardRequest, 'headers'>,
  hosts: AllowedHosts,
): void {
  const { 'x-requested-with': requestedWith, 'sec-fetch-site': site, origin, host } = headers;
  if (requestedWith !== REQUESTED_WITH) {
    throw new ForbiddenException(`The header "x-requested-with: ${REQUESTED_WITH}" is missing.`);
  }
  // Over plain HTTP, browsers do not send `sec-fetch-site`.
  const isSame =
    site === undefined ? origin === undefined || hostOf(origin) === host : site === 'same-origin';
  if (!isSame) throw new ForbiddenException('The request does not come from the page of the dashboard.');
  const name = nameOfHost(host);
  if (hosts(name)) return;
  throw new ForbiddenException(
    `The page may not be used as ${describe(name)} to change anything. If that is its host name, add it to ` +
      '`allowedHosts` of AdvisoryLockDashboardModule.',
  );
}

/** Whether the page may be used under that name to change something. */
export type AllowedHosts = (hostName: string | undefined) => boolean;

/**
 * The hosts of the option `allowedHosts`. Without it, and without guards that would keep strangers out, those
 * that cannot be the name of another site: browsers resolve `localhost` themselves, and addresses not at all.
 */
export function allowedHostsOf({ allowedHosts, guards = [] }: AdvisoryLockDashboardOptions): AllowedHosts {
  if (allowedHosts !== undefined) {
    const names = new Set(allowedHosts.map((name) => name.toLowerCase()));
    return (name) => name !== undefined && names.has(name);
  }
  if (guards.length > 0) return () => true;
  return (name) => name !== undefined && (/^(.+\.)?localhost$/.test(name) || isIP(name) !== 0);
}

/** Of the header `host`, without the port. */
function nameOfHost(host: unknown): string | undefined {
  const url = `http://${String(host)}`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : undefined;
}

function hostOf(origin: unknown): string | undefined {
  return URL.canParse(String(origin)) ? new URL(String(origin)).host : undefined;
}
