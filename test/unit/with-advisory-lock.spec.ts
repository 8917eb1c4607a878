import { expect, it } from '@jest/globals';
import { getAdvisoryLockToken, WithAdvisoryLock } from 'nestjs-advisory-lock';
import { AdvisoryLockTesting } from 'nestjs-advisory-lock/testing';
import { writeService } from '../../lib/locking/service-key.js';

const exclusive = WithAdvisoryLock('import');

class Imports {
  @exclusive
  async outer(): Promise<unknown> {
    return this.inner();
  }

  @exclusive
  inner(): Promise<string> {
    return Promise.resolve('done');
  }

  @exclusive
  thenable(): PromiseLike<string> {
    return { then: (onDone) => Promise.resolve('later').then(onDone) };
  }

  @exclusive
  throws(): Promise<void> {
    throw new RangeError('at once');
  }
}

class OtherImports extends Imports {}

it('names the method and the class, where one decorator stands on several', async () => {
  const testing = new AdvisoryLockTesting();
  const imports = testing.provide(new Imports());
  const others = testing.provide(new OtherImports());
  expect(await imports.inner()).toBe('done');
  const reentered = { code: 'LOCK_REENTERED', heldBy: 'Imports.outer', requestedBy: 'Imports.inner' };
  await expect(imports.outer()).rejects.toMatchObject(reentered);
  await expect(others.outer()).rejects.toMatchObject({
    code: 'LOCK_REENTERED',
    heldBy: 'OtherImports.outer',
    requestedBy: 'OtherImports.inner',
  });
  await expect(imports.outer()).rejects.toMatchObject(reentered);
});

it('resolves to what the method returns later, and rejects with what it throws at once', async () => {
  const imports = new AdvisoryLockTesting().provide(new Imports());
  expect(await imports.thenable()).toBe('later');
  await expect(imports.throws()).rejects.toThrow(new RangeError('at once'));
  expect(await imports.inner()).toBe('done');
});

it('returns a promise whatever a fake in the place of the service returns', async () => {
  const imports = new Imports();
  writeService(imports, getAdvisoryLockToken(), { withLock: () => 'fake' } as never);
  expect(await imports.inner().then((result) => result)).toBe('fake');
});
