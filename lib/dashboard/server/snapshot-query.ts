import { BadRequestException } from '@nestjs/common';
import { describe } from '../../core/index.js';

/** Which locks the page asks for. */
export interface SnapshotQuery {
  readonly search: string;
  /** How many locks at most. */
  readonly limit: number;
}

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 2_000;
const MAX_SEARCH_LENGTH = 200;

/** Reads the query of a URL. Throws `BadRequestException` when it is invalid. */
export function snapshotQueryOf(query: unknown): SnapshotQuery {
  const { search = '', limit = String(DEFAULT_LIMIT) } = (query ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof search !== 'string' || search.length > MAX_SEARCH_LENGTH) {
    const received = typeof search === 'string' ? `one of ${search.length}` : describe(search);
    throw new BadRequestException(
      `\`search\` must be a text of at most ${MAX_SEARCH_LENGTH} characters, received ${received}.`,
    );
  }
  const count = typeof limit === 'string' && /^\d{1,4}$/.test(limit) ? Number(limit) : 0;
  if (count < 1 || count > MAX_LIMIT) {
    throw new BadRequestException(
      `\`limit\` must be a whole number from 1 to ${MAX_LIMIT}, received ${describe(limit)}.`,
    );
  }
  return { search, limit: count };
}
