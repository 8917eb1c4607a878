import type { Notification, Statement } from '../core/index.js';
import { QUESTIONS } from './channels.js';
import { notifyStatement } from './notify-statement.js';

/**
 * Notifies the fleet that jobs were paused or resumed. It says nothing else: any client of the database may
 * send it, so instances read the table. It is no question, so versions that do not know it ignore it.
 */
export const JOB_NOTICE = '{"kind":"jobs"}';

/** Sends it. */
export const NOTIFY_OF_JOBS: Statement = notifyStatement(QUESTIONS, JOB_NOTICE);

/** Whether jobs were paused or resumed. */
export function isJobNotice({ channel, payload }: Notification): boolean {
  return channel === QUESTIONS && payload === JOB_NOTICE;
}
