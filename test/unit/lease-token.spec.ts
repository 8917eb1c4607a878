import { describe, expect, it } from '@jest/globals';
import { checkLeaseToken, createLeaseToken, hashLeaseToken } from '../../lib/lease/lease-token.js';

const check = (token: unknown, fullName = 'shop:doc:1') => {
  checkLeaseToken(token as string, fullName, 'doc:1');
};

describe('the token of a lease', () => {
  it('is accepted for its name, and is another for each lease', () => {
    const token = createLeaseToken('shop:doc:1');
    expect(() => {
      check(token);
    }).not.toThrow();
    expect(createLeaseToken('shop:doc:1')).not.toBe(token);
    expect(token).toMatch(/^[\w.-]+$/);
  });

  it.each(['shop:doc:2', 'doc:1', 'other:doc:1'])('is refused for %s', (fullName) => {
    expect(() => {
      check(createLeaseToken('shop:doc:1'), fullName);
    }).toThrow(/^The token belongs to another lease than "doc:1"/);
  });

  it.each([
    '',
    'lease1',
    undefined,
    42,
    'lease2.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbb',
    `${createLeaseToken('shop:doc:1')} `,
    createLeaseToken('shop:doc:1').slice(0, -1),
  ])('is refused in another form: %p', (token) => {
    expect(() => {
      check(token);
    }).toThrow(/^The token of the lease "doc:1" must be what its `token` was/);
  });

  it('is not in the message about it', () => {
    const token = createLeaseToken('shop:doc:1');
    const secret = token.slice(-22);
    for (const wrong of [`${token}x`, token]) {
      expect(() => {
        check(wrong, 'other');
      }).toThrow(expect.objectContaining({ code: 'LOCK_CONFIGURATION' }));
      expect(() => {
        check(wrong, 'other');
      }).not.toThrow(secret);
    }
  });

  it('is stored as a hash, which changes with each of its characters', () => {
    const token = createLeaseToken('shop:doc:1');
    expect(hashLeaseToken(token)).not.toContain(token.slice(-22));
    expect(hashLeaseToken(token)).not.toBe(hashLeaseToken(`${token}x`));
    expect(hashLeaseToken('lease1')).toBe('5FMQqG4sBC7_-AlRfFvKql4tpUM1_Fpz4N6vRZIkbAc');
  });
});
