import { runInNewContext } from 'node:vm';
import { LockConnectionError, sqlStateOf } from '../../lib/core/index.js';
import { describe, expect, it } from '@jest/globals';

const refusal = Object.assign(new Error('sorry, too many clients already'), {
  severity: 'FATAL',
  code: '53300',
});
const unreachable = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });

describe('LockConnectionError', () => {
  it('says that the server refused, when the server reported the error', () => {
    expect(new LockConnectionError(refusal, 'import').message).toBe(
      'The lock "import" was not taken: the server refused it (sorry, too many clients already, ' +
        'SQLSTATE 53300). Check that it accepts connections, and that the credentials and privileges ' +
        'of the data source are right; the next request connects again.',
    );
  });

  it.each([
    ['57P01', 'an administrator has ended the connection, or the server is shutting down'],
    ['57P02', 'the server has crashed, and ended the connection'],
    ['57P05', 'the server has ended the connection'],
  ])('says who has ended a connection that worked: %s', (code, ending) => {
    const cause = Object.assign(new Error('terminated'), { severity: 'FATAL', code });
    expect(new LockConnectionError(cause).message).toBe(
      `No lock connection: ${ending} (terminated, SQLSTATE ${code}); the next request connects again.`,
    );
  });

  it('takes only the code of an error of the server for a SQLSTATE', () => {
    expect(sqlStateOf(refusal)).toBe('53300');
    for (const code of ['ECONNREFUSED', 'EPIPE', 'ERR_INVALID_URL'])
      expect(sqlStateOf(Object.assign(new Error('no'), { code }))).toBeUndefined();
  });

  it('says that the database could not be reached, when there is no error of the server', () => {
    expect(new LockConnectionError(unreachable).message).toBe(
      'No lock connection: the database could not be reached (connect ECONNREFUSED 127.0.0.1:5432). ' +
        'Check that it is up, and that the address and credentials of the data source are right; ' +
        'the next request connects again.',
    );
  });

  it('has the message alone of an error of another realm, such as one of a socket in Jest', () => {
    const foreign: unknown = runInNewContext("new Error('connect ECONNREFUSED')");
    expect(foreign).not.toBeInstanceOf(Error);
    expect(new LockConnectionError(foreign).message).toContain('reached (connect ECONNREFUSED). Check');
  });

  it('names each address of a host that refused', () => {
    const cause = new AggregateError([unreachable, new Error('connect ECONNREFUSED ::1:5432')]);
    expect(new LockConnectionError(cause).message).toContain(
      'reached (connect ECONNREFUSED 127.0.0.1:5432, connect ECONNREFUSED ::1:5432). Check',
    );
  });
});
