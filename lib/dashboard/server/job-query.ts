import { BadRequestException } from '@nestjs/common';
import { describe } from '../../core/index.js';
import { jobOf } from './control-request.js';
import type { JobQuery } from './job-details.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** Reads the query of a URL. Throws `BadRequestException` when it is invalid. */
export function jobQueryOf(query: unknown): JobQuery {
  const { name, limit = String(DEFAULT_LIMIT) } = (query ?? {}) as Readonly<Record<string, unknown>>;
  const count = typeof limit === 'string' && /^\d{1,4}$/.test(limit) ? Number(limit) : 0;
  if (count < 1 || count > MAX_LIMIT) {
    throw new BadRequestException(
      `\`limit\` must be a whole number from 1 to ${MAX_LIMIT}, received ${describe(limit)}.`,
    );
  }
  return { name: jobOf(name), limit: count };
}
