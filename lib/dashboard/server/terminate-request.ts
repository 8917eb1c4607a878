import { BadRequestException } from '@nestjs/common';
import { describe, isPrintable, isWholeNumber, LockKey, MAX_TIMER_MS } from '../../core/index.js';
import type { DashboardRequest } from './dashboard-request.js';
import type { TerminateRequest } from './dashboard-snapshot.js';

const MAX_REASON_LENGTH = 500;

/** Reads the request. Throws `BadRequestException` when anything is missing, unknown or invalid. */
export function terminateRequestOf({
  headers,
  body,
}: Pick<DashboardRequest, 'headers' | 'body'>): TerminateRequest {
  const contentType = String(headers['content-type'] ?? '');
  if (!/^application\/json\s*(;|$)/i.test(contentType))
    throw refusal('the content type `application/json`', contentType);
  const names = ['key', 'pid', 'backendId', 'reason'] as const;
  const hasHoldId = typeof body === 'object' && body !== null && 'holdId' in body;
  const fields = fieldsOf(body, hasHoldId ? ([...names, 'holdId'] as const) : names, 'the body');
  const { key, pid, backendId, reason, holdId } = fields as Record<string, unknown>;
  if (!isWholeNumber(pid, 1, MAX_TIMER_MS)) throw refusal('the pid of a backend as `pid`', pid);
  if (typeof backendId !== 'string' || !/^\d{1,10}@\d{1,20}$/.test(backendId)) {
    throw refusal('the id that the backend was listed with as `backendId`', backendId);
  }
  if (holdId !== undefined && !isWholeNumber(holdId, 1, Number.MAX_SAFE_INTEGER)) {
    throw refusal('the number that the hold was listed with as `holdId`', holdId);
  }
  if (
    typeof reason !== 'string' ||
    reason.trim() === '' ||
    reason.length > MAX_REASON_LENGTH ||
    !isPrintable(reason)
  ) {
    throw refusal(`one line of at most ${MAX_REASON_LENGTH} characters as \`reason\``, reason);
  }
  return {
    key: keyOf(key),
    pid,
    backendId,
    ...(holdId !== undefined && { holdId }),
    reason: reason.trim(),
  };
}

function keyOf(value: unknown): TerminateRequest['key'] {
  const { id, classid, objid, objsubid } = fieldsOf(value, ['id', 'classid', 'objid', 'objsubid'], '`key`');
  const isKey =
    isWholeNumber(classid, 0, 2 ** 32 - 1) &&
    isWholeNumber(objid, 0, 2 ** 32 - 1) &&
    (objsubid === 1 || objsubid === 2);
  if (!isKey || LockKey.inPgLocks({ classid, objid, objsubid }).id !== id)
    throw refusal('the key of a lock as `key`', value);
  return { id, classid, objid, objsubid };
}

function fieldsOf<Name extends string>(
  value: unknown,
  names: readonly Name[],
  where: string,
): Record<Name, unknown> {
  const isObject = typeof value === 'object' && value !== null;
  const found = isObject ? Object.keys(value) : [];
  if (!isObject || found.length !== names.length || !names.every((name) => Object.hasOwn(value, name))) {
    throw refusal(`an object of ${names.join(', ')} as ${where}`, isObject ? found : value);
  }
  return value as Record<Name, unknown>;
}

function refusal(expected: string, received: unknown): BadRequestException {
  return new BadRequestException(`The request must have ${expected}, received ${describe(received)}.`);
}
