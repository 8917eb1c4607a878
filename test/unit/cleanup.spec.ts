import { beforeAll, describe, expect, it } from '@jest/globals';
import { cleanUpAfterTest, cleanUpDownTo, defer, pendingCleanups } from '../support/cleanup.js';

const done: string[] = [];

beforeAll(() => {
  defer(() => done.push('file'));
});

describe('a deferred clean-up', () => {
  it('is left alone while the test runs', () => {
    defer(() => done.push('first'));
    defer(async () => {
      await Promise.resolve();
      done.push('second');
    });
    expect(done).toEqual([]);
  });

  it('has run when the next test starts, last in, first out', () => {
    expect(done).toEqual(['second', 'first']);
  });

  it('does not keep the others from running when it fails', async () => {
    done.length = 0;
    defer(() => done.push('after the failure'));
    defer(() => Promise.reject(new Error('no')));
    await expect(cleanUpAfterTest()).rejects.toThrow('no');
    expect(done).toEqual(['after the failure']);
  });

  it('of beforeAll waits for the end of the file, or of the block that it belongs to', async () => {
    done.length = 0;
    expect(pendingCleanups()).toBe(1);
    await cleanUpDownTo(1);
    expect(done).toEqual([]);
    await cleanUpDownTo(0);
    expect(done).toEqual(['file']);
  });
});
