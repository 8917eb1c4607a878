import { describe, expect, it } from '@jest/globals';
import { LockLostError } from '../../lib/core/index.js';

const lost = new LockLostError({ lockName: 'import', key: '7', reason: 'the socket closed', heldMs: 5 });

describe('the error of a body under a lost lock', () => {
  it('is the loss when the loss led to it, however many errors are in between', () => {
    const aborted = Object.assign(new Error('The operation was aborted', { cause: lost }), {
      name: 'AbortError',
    });
    for (const error of [aborted, new Error('The import failed', { cause: aborted })]) {
      expect(lost.explain(error)).toMatchObject({ code: 'LOCK_LOST', message: lost.message, cause: error });
    }
  });

  it('is itself when the loss did not lead to it', () => {
    const circular = new Error('chases its tail');
    circular.cause = new Error('of the tail', { cause: circular });
    const another = new LockLostError({ lockName: 'export', key: '8', reason: 'of another loss', heldMs: 5 });
    const aborted = Object.assign(new Error('of another signal', { cause: another }), { name: 'AbortError' });
    for (const error of [
      new Error('my own'),
      circular,
      aborted,
      'a text',
      undefined,
      null,
      Object.create(null),
    ])
      expect(lost.explain(error)).toBe(error);
  });

  it('is the loss itself when the body threw that', () => {
    expect(lost.explain(lost)).toBe(lost);
  });
});
