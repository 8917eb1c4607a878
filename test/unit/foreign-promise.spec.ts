import { afterEach, describe, expect, it } from '@jest/globals';
import { ExclusiveCron } from 'nestjs-advisory-lock';
import { AdvisoryLockTesting } from 'nestjs-advisory-lock/testing';
import { AdvisoryLockEvents, SILENT_LOG } from '../../lib/core/index.js';

const NativePromise = globalThis.Promise;

class Reports {
  @ExclusiveCron('0 3 * * *', { tick: 'record' })
  async nightly(): Promise<string> {
    await Promise.resolve();
    return 'done';
  }
}

afterEach(() => {
  globalThis.Promise = NativePromise;
});

describe('where another library has put its own Promise in place of the global one, as zone.js does', () => {
  it('takes the first lock of a session, and gives it back', async () => {
    globalThis.Promise = class extends NativePromise<unknown> {} as PromiseConstructor;
    const { service } = new AdvisoryLockTesting();
    expect(await service.withLock('import', () => 1)).toBe(1);
    expect(await service.withLock('import', () => 2)).toBe(2);
  });

  it('runs a job that is called by hand', async () => {
    globalThis.Promise = class extends NativePromise<unknown> {} as PromiseConstructor;
    const reports = new AdvisoryLockTesting().provide(new Reports());
    expect(await reports.nightly()).toBe('done');
    expect(await reports.nightly()).toBe('done');
  });

  it('logs the failure of a listener', async () => {
    const failure = Promise.reject(new Error('the pager is away'));
    const errors: string[] = [];
    const events = new AdvisoryLockEvents('default', {
      ...SILENT_LOG,
      error: (message: string) => errors.push(message),
    });
    events.on('error', () => failure);
    globalThis.Promise = class extends NativePromise<unknown> {} as PromiseConstructor;
    events.emit({ type: 'error', at: new Date(), error: new Error('no connection') });
    await failure.catch(() => undefined);
    expect(errors).toEqual(['A listener of "error" failed']);
  });
});
