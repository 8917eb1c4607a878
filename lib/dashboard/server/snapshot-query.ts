import { BadRequestException } from '@nestjs/common';
import { describe } from '../../core/index.js';

/** Which locks are asked for. */
export interface SnapshotQuery {
  readonly search: string;
  /** How many of them at most. */
  readonly limit: number;
}

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 2_000;
const MAX_SEARCH_LENGTH = 200;

/** Reads it from the query of a URL. */
export function snapshotQueryOf(query: unknown): SnapshotQuery {
  const { search = '', limit = String(DEFAULT_LIMIT) } = (query ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof search !== 'string' || search.length > MAX_SEARCH_LENGTH) {
    throw new BadRequestException(`\`search\` has to be a text of at most ${MAX_SEARCH_LENGTH} characters.`);
  }
  const count = typeof limit === 'string' && /^\d{1,4}$/.test(limit) ? Number(limit) : 0;
  if (count < 1 || count > MAX_LIMIT) {
    throw new BadRequestException(
      `\`limit\` has to be a whole number from 1 to ${MAX_LIMIT}, but ${describe(limit)} came.`,
    );
  }
  return { search, limit: count };
}
