import type { Notification, Statement } from '../core/index.js';
import { QUESTIONS } from './channels.js';
import { notifyStatement } from './notify-statement.js';

/** It is no question, so versions that do not know it ignore it. */
export const JOB_NOTICE = { kind: 'jobs' } as const;

const PAYLOAD = JSON.stringify(JOB_NOTICE);

/**
 * Notifies the fleet that jobs were paused or resumed. It says nothing else: any client of the database may
 * send it, so instances read the table.
 */
export const NOTIFY_OF_JOBS: Statement = notifyStatement(QUESTIONS, PAYLOAD);

/** Whether jobs were paused or resumed. */
export function isJobNotice({ channel, payload }: Notification): boolean {
  return channel === QUESTIONS && payload === PAYLOAD;
}
