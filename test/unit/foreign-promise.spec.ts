import { afterEach, describe, expect, it } from '@jest/globals';
import { AdvisoryLockTesting } from 'nestjs-advisory-lock/testing';

const NativePromise = globalThis.Promise;

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
});
