import { NOTIFY_SETTINGS, type Statement } from '../core/index.js';

const NOTIFY = `SELECT pg_catalog.pg_notify($1::pg_catalog.text, $2::pg_catalog.text)::pg_catalog.text
FROM ${NOTIFY_SETTINGS}`;

/** Sends one notification. The payload is ASCII, and has less than 8,000 bytes. */
export function notifyStatement(channel: string, payload: string): Statement {
  return { text: NOTIFY, values: [channel, payload] };
}
