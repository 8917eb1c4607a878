import type { ServerError } from '../core/index.js';
import { noOpenTransaction } from './no-open-transaction.js';

/**
 * The transaction is not open: it has been committed or rolled back, or its `timeout` is over.
 *
 * @see https://www.prisma.io/docs/orm/reference/error-reference#p2028
 */
const TRANSACTION_ENDED = 'P2028';

/** What Prisma reports about a raw query that failed. */
interface RawQueryMeta {
  /** The SQLSTATE and the message, of Prisma 6 with its engine in Rust. */
  readonly code?: unknown;
  readonly message?: unknown;
  /** The same from a driver adapter. */
  readonly driverAdapterError?: {
    readonly cause?: {
      readonly originalCode?: unknown;
      readonly originalMessage?: unknown;
      readonly detail?: unknown;
    };
  };
}

/** The error of the server in an error of Prisma, which has no cause; else the same error. */
export function unwrapPrismaError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, meta } = error as { readonly code?: unknown; readonly meta?: RawQueryMeta };
  if (code === TRANSACTION_ENDED) {
    return noOpenTransaction('prismaTransaction()', `one that has ended (${error.message.trim()})`, error);
  }
  const cause = meta?.driverAdapterError?.cause;
  const sqlState = cause?.originalCode ?? meta?.code;
  if (typeof sqlState !== 'string') return error;
  const message = cause?.originalMessage ?? meta?.message;
  return Object.assign(new Error(typeof message === 'string' ? message : error.message, { cause: error }), {
    severity: 'ERROR',
    code: sqlState,
    // The engine in Rust has the detail in its message.
    detail: cause?.detail ?? message,
  }) satisfies ServerError;
}
