import { describe, expect, it, jest } from '@jest/globals';
import { Inject, Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AdvisoryLockError,
  AdvisoryLockEvents,
  AdvisoryLockInspector,
  AdvisoryLockService,
  LockLostError,
  LockShutdownError,
  LockTimeoutError,
  LockUnavailableError,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, start } from './support/applications.js';

// As a dependency gets one that is CommonJS, or has a version of its own.
jest.resetModules();
const copy = await import('nestjs-advisory-lock');

const database = useTestDatabase({ connectionsMayStay: true });

@Injectable()
class Reports {
  constructor(@Inject(copy.AdvisoryLockService) readonly locks: AdvisoryLockService) {}

  @copy.WithAdvisoryLock('report')
  async write(): Promise<string> {
    return Promise.resolve('written');
  }

  @copy.ExclusiveCron('0 0 1 1 *', { lock: 'report' })
  async yearly(): Promise<string> {
    return Promise.resolve('ran');
  }
}

describe('with two copies of the package in one process', () => {
  it('there are two classes of each name', () => {
    expect(copy.AdvisoryLockService).not.toBe(AdvisoryLockService);
    expect(copy.LockUnavailableError).not.toBe(LockUnavailableError);
  });

  it('what a module provides is found by the class of either', async () => {
    const metadata = { imports: [ScheduleModule.forRoot()], providers: [Reports] };
    const { app } = await start(lockedApp(database, metadata));
    const locks = app.get(AdvisoryLockService);
    expect(app.get<unknown>(copy.AdvisoryLockService)).toBe(locks);
    expect(app.get<unknown>(copy.AdvisoryLockEvents)).toBe(app.get(AdvisoryLockEvents));
    expect(app.get<unknown>(copy.AdvisoryLockInspector)).toBe(app.get(AdvisoryLockInspector));
    expect(app.get(Reports).locks).toBe(locks);
    expect(await app.get(Reports).write()).toBe('written');
  });

  it('a busy lock is the error of either copy, whichever decorates and catches', async () => {
    const metadata = { imports: [ScheduleModule.forRoot()], providers: [Reports] };
    const { app } = await start(lockedApp(database, metadata));
    await lockInOtherSession(database, 'report');
    const error = await app
      .get(Reports)
      .write()
      .catch((refusal: unknown) => refusal);
    for (const { LockUnavailableError: Unavailable } of [copy, { LockUnavailableError }]) {
      expect(error).toBeInstanceOf(Unavailable);
    }
  });

  it('a job of one copy in an application of the other is quiet at the shutdown', async () => {
    const metadata = { imports: [ScheduleModule.forRoot()], providers: [Reports] };
    const { app, log } = await start(lockedApp(database, metadata));
    const reports = app.get(Reports);
    await app.close();
    expect(await reports.yearly()).toBeUndefined();
    await expect(reports.write()).rejects.toBeInstanceOf(copy.LockShutdownError);
    expect(log.matching(/^(?:warn|error)/)).toEqual([]);
  });
});

describe('instanceof', () => {
  class Mine extends LockUnavailableError {}

  it('knows the errors of another copy by their code', () => {
    const unavailable = new copy.LockUnavailableError('a');
    const timeout = new copy.LockTimeoutError('a', 5);
    expect(unavailable).toBeInstanceOf(AdvisoryLockError);
    expect(unavailable).toBeInstanceOf(LockUnavailableError);
    expect(unavailable).not.toBeInstanceOf(LockTimeoutError);
    expect(unavailable).not.toBeInstanceOf(LockLostError);
    expect(timeout).toBeInstanceOf(LockTimeoutError);
    expect(timeout).toBeInstanceOf(LockUnavailableError);
    expect(new copy.LockShutdownError()).toBeInstanceOf(LockShutdownError);
  });

  it('knows a code that only a later version has as an error of the library', () => {
    const later = Object.assign(new Error('later'), { code: 'LOCK_SOMETHING_NEW', lockName: undefined });
    expect(later).toBeInstanceOf(AdvisoryLockError);
    expect(later).not.toBeInstanceOf(LockUnavailableError);
  });

  it('says of a subclass of the application only what that has made', () => {
    const mine = new Mine('a');
    expect(mine).toBeInstanceOf(Mine);
    expect(mine).toBeInstanceOf(LockUnavailableError);
    expect(mine).toBeInstanceOf(copy.LockUnavailableError);
    expect(new LockUnavailableError('a')).not.toBeInstanceOf(Mine);
    expect(new copy.LockUnavailableError('a')).not.toBeInstanceOf(Mine);
  });

  it.each([
    [null],
    ['LOCK_LOST'],
    [{ code: 'LOCK_UNAVAILABLE', lockName: 'a' }],
    [new Error('another')],
    [Object.assign(new Error('of another library'), { code: 'LOCK_UNAVAILABLE' })],
    [Object.assign(new Error('of another library'), { code: 'ELOCKED', lockName: 'a' })],
  ])('knows what is no error of the library: %p', (value) => {
    expect(value instanceof AdvisoryLockError).toBe(false);
    expect(value instanceof LockUnavailableError).toBe(false);
  });
});
