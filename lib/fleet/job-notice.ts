import { NOTIFY_SETTINGS, type Notification, type Statement } from '../core/index.js';
import { QUESTIONS } from './channels.js';

/** It is no question, so versions that do not know it ignore it. */
const PAYLOAD = '{"kind":"jobs"}';

/**
 * Notifies the fleet that jobs were paused or resumed. It says nothing else: any client of the database may
 * send it, so instances read the table.
 */
export const NOTIFY_OF_JOBS: Statement = {
  text: `SELECT pg_catalog.pg_notify($1::pg_catalog.text, $2::pg_catalog.text)::pg_catalog.text
FROM ${NOTIFY_SETTINGS}`,
  values: [QUESTIONS, PAYLOAD],
};

/** Whether jobs were paused or resumed. */
export function isJobNotice({ channel, payload }: Notification): boolean {
  return channel === QUESTIONS && payload === PAYLOAD;
}
