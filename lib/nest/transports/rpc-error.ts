import type { ArgumentsHost } from '@nestjs/common';
import type { AdvisoryLockErrorCode } from '../../core/index.js';
import type { LockRefusal } from './lock-refusal.js';

/** @see https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const GrpcStatus = { resourceExhausted: 8, aborted: 10, unavailable: 14 } as const;

const GRPC_STATUS: Partial<Record<AdvisoryLockErrorCode, number>> = {
  LOCK_UNAVAILABLE: GrpcStatus.aborted,
  LOCK_TIMEOUT: GrpcStatus.aborted,
  LOCK_LOST: GrpcStatus.aborted,
  LOCK_CAPACITY: GrpcStatus.resourceExhausted,
  LOCK_CONNECTION: GrpcStatus.unavailable,
  LOCK_SHUTDOWN: GrpcStatus.unavailable,
};

/** What a microservice sends to its client in the place of a result. */
export function rpcErrorOf(refusal: LockRefusal, host: ArgumentsHost): object {
  if (!isGrpc(host)) return { status: 'error', ...refusal };
  const { code, message, lock } = refusal;
  const details = `${code}: ${message}${lock === undefined ? '' : ` (${lock})`}`;
  return { code: GRPC_STATUS[code], message: details, details };
}

/** A handler of gRPC gets the data, the metadata, and the call. */
function isGrpc(host: ArgumentsHost): boolean {
  const call = host.getArgByIndex<{ sendMetadata?: unknown } | undefined>(2);
  return typeof call?.sendMetadata === 'function';
}
