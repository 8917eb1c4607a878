/**
 * DATABASE_URL is not an address of a Postgres server. The message has its scheme only: the rest may contain
 * a password.
 */
export class DatabaseAddressError extends Error {
  override readonly name = 'DatabaseAddressError';

  constructor(url: string) {
    const scheme = /^[a-z][a-z\d+.-]*:\/\//i.exec(url)?.[0];
    super(
      'DATABASE_URL must begin with postgres:// or postgresql://, received an address ' +
        (scheme === undefined ? 'without a scheme.' : `that begins with ${scheme}.`),
    );
  }
}
