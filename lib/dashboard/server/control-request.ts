import type { DashboardRequest } from './dashboard-request.js';
import type { ControlRequest, PauseRequest } from './job-details.js';
import { bodyFieldsOf, reasonOf, refusal } from './request-body.js';

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/;

type Request = Pick<DashboardRequest, 'headers' | 'body'>;

/** Reads the request to pause a job. Throws `BadRequestException` for what is missing, unknown or invalid. */
export function pauseRequestOf(request: Request): PauseRequest {
  const { job, reason, until } = bodyFieldsOf(request, ['job', 'reason'], ['until']);
  const read = { job: jobOf(job), reason: reasonOf(reason) };
  if (until === undefined) return read;
  if (typeof until !== 'string' || !INSTANT.test(until) || Number.isNaN(Date.parse(until)))
    throw refusal('an instant such as "2027-01-04T06:00:00Z" as `until`', until);
  return { ...read, until };
}

/** The same for a request to resume a job, or to run it now. */
export function controlRequestOf(request: Request): ControlRequest {
  const { job, reason } = bodyFieldsOf(request, ['job', 'reason']);
  return { job: jobOf(job), reason: reasonOf(reason) };
}

/** The name of a job. Whether there is such a job is seen later. */
export function jobOf(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw refusal('the name of the lock of a job', value);
  return value;
}
