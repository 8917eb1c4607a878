import { isWholeNumber, LockKey, MAX_TIMER_MS } from '../../core/index.js';
import type { DashboardRequest } from './dashboard-request.js';
import type { TerminateRequest } from './dashboard-snapshot.js';
import { bodyFieldsOf, fieldsOf, reasonOf, refusal } from './request-body.js';

/** Reads the request. Throws `BadRequestException` when anything is missing, unknown or invalid. */
export function terminateRequestOf(request: Pick<DashboardRequest, 'headers' | 'body'>): TerminateRequest {
  const { key, pid, backendId, reason, holdId } = bodyFieldsOf(
    request,
    ['key', 'pid', 'backendId', 'reason'],
    ['holdId'],
  );
  if (!isWholeNumber(pid, 1, MAX_TIMER_MS)) throw refusal('the pid of a backend as `pid`', pid);
  if (typeof backendId !== 'string' || !/^\d{1,10}@\d{1,20}$/.test(backendId)) {
    throw refusal('the id that the backend was listed with as `backendId`', backendId);
  }
  if (holdId !== undefined && !isWholeNumber(holdId, 1, Number.MAX_SAFE_INTEGER)) {
    throw refusal('the number that the hold was listed with as `holdId`', holdId);
  }
  return {
    reason: reasonOf(reason),
    key: keyOf(key),
    pid,
    backendId,
    ...(holdId !== undefined && { holdId }),
  };
}

function keyOf(value: unknown): TerminateRequest['key'] {
  const { id, classid, objid, objsubid } = fieldsOf(value, '`key`', ['id', 'classid', 'objid', 'objsubid']);
  const isKey =
    isWholeNumber(classid, 0, 2 ** 32 - 1) &&
    isWholeNumber(objid, 0, 2 ** 32 - 1) &&
    (objsubid === 1 || objsubid === 2);
  if (!isKey || LockKey.inPgLocks({ classid, objid, objsubid }).id !== id)
    throw refusal('the key of a lock as `key`', value);
  return { id, classid, objid, objsubid };
}
