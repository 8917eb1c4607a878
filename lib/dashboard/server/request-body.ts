import { BadRequestException } from '@nestjs/common';
import { describe, isPrintable } from '../../core/index.js';
import type { DashboardRequest } from './dashboard-request.js';

const MAX_REASON_LENGTH = 500;

/**
 * The fields of a JSON body, which must have those that are required and may have the optional ones. Throws
 * `BadRequestException` when any is missing or unknown.
 */
export function bodyFieldsOf<Name extends string>(
  { headers, body }: Pick<DashboardRequest, 'headers' | 'body'>,
  required: readonly Name[],
  optional: readonly Name[] = [],
): Partial<Record<Name, unknown>> {
  const contentType = String(headers['content-type'] ?? '');
  if (!/^application\/json\s*(;|$)/i.test(contentType))
    throw refusal('the content type `application/json`', contentType);
  return fieldsOf(body, 'the body', required, optional);
}

/** The same for an object inside a body. */
export function fieldsOf<Name extends string>(
  value: unknown,
  where: string,
  required: readonly Name[],
  optional: readonly Name[] = [],
): Partial<Record<Name, unknown>> {
  const isObject = typeof value === 'object' && value !== null;
  const found = isObject ? Object.keys(value) : [];
  const known: readonly string[] = [...required, ...optional];
  if (
    !isObject ||
    !found.every((name) => known.includes(name)) ||
    !required.every((name) => found.includes(name))
  ) {
    throw refusal(`an object of ${required.join(', ')} as ${where}`, isObject ? found : value);
  }
  return Object.fromEntries(Object.entries(value)) as Partial<Record<Name, unknown>>;
}

/** A reason for the log: one line. */
export function reasonOf(reason: unknown): string {
  if (
    typeof reason !== 'string' ||
    reason.trim() === '' ||
    reason.length > MAX_REASON_LENGTH ||
    !isPrintable(reason)
  ) {
    throw refusal(`one line of at most ${MAX_REASON_LENGTH} characters as \`reason\``, reason);
  }
  return reason.trim();
}

export function refusal(expected: string, received: unknown): BadRequestException {
  return new BadRequestException(`The request must have ${expected}, received ${describe(received)}.`);
}
