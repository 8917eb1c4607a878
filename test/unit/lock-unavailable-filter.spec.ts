import { describe, expect, it } from '@jest/globals';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/internal';
import {
  LockCapacityError,
  LockConnectionError,
  LockLostError,
  LockShutdownError,
  LockTimeoutError,
  LockUnavailableError,
  LockUnavailableFilter,
} from 'nestjs-advisory-lock';
import { lastValueFrom, type Observable } from 'rxjs';

const filter = new LockUnavailableFilter(new ApplicationConfig(), new ModulesContainer());

/** What a handler of gRPC gets: the data, the metadata, and the call. */
const GRPC = [{}, {}, { sendMetadata: () => undefined }];
const TCP = [{}, {}];

async function rpcError(error: Error, args: unknown[]): Promise<unknown> {
  const host = new ExecutionContextHost(args as never);
  host.setType('rpc');
  return lastValueFrom(filter.catch(error, host) as Observable<never>).catch((sent: unknown) => sent);
}

const lost = new LockLostError({ lockName: 'secret', key: '1', reason: 'the connection ended', heldMs: 5 });
const BUSY = 'Another request holds this lock. Try again later.';

describe('the filter in a microservice', () => {
  it.each([
    ['LOCK_UNAVAILABLE', new LockUnavailableError('secret'), 10],
    ['LOCK_TIMEOUT', new LockTimeoutError('secret', 5), 10],
    ['LOCK_LOST', lost, 10],
    ['LOCK_CAPACITY', new LockCapacityError('secret', undefined), 8],
    ['LOCK_CONNECTION', new LockConnectionError(new Error('secret'), 'secret'), 14],
    ['LOCK_SHUTDOWN', new LockShutdownError('secret'), 14],
  ])('of gRPC sends a status, and the code in its details: %s', async (lockCode, error, code) => {
    const sent = await rpcError(error, GRPC);
    expect(sent).toMatchObject({ code, details: expect.stringMatching(`^${lockCode}: `) as unknown });
    expect(JSON.stringify(sent)).not.toContain('secret');
  });

  it('of gRPC names the lock only with exposeLockName', async () => {
    const sent = await rpcError(new LockUnavailableError('open', { exposeLockName: true }), GRPC);
    expect(sent).toMatchObject({ details: `LOCK_UNAVAILABLE: ${BUSY} (open)` });
  });

  it('of another transport sends the code, and not the error of the database', async () => {
    expect(await rpcError(lost, TCP)).toEqual({
      status: 'error',
      statusCode: 500,
      code: 'LOCK_LOST',
      message: 'The lock was lost while this request was under way.',
    });
    expect(await rpcError(new LockConnectionError(new Error('10.0.0.7 refused'), 'secret'), TCP)).toEqual({
      status: 'error',
      statusCode: 503,
      code: 'LOCK_CONNECTION',
      message: 'The lock cannot be taken at the moment. Try again later.',
    });
  });
});
