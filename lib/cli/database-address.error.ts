/**
 * DATABASE_URL is not an address of a Postgres server. The message has no part of it that may be a
 * password.
 */
export class DatabaseAddressError extends Error {
  override readonly name = 'DatabaseAddressError';

  /** The message has the scheme only. */
  static ofScheme(url: string): DatabaseAddressError {
    const scheme = /^[a-z][a-z\d+.-]*:\/\//i.exec(url)?.[0];
    return new DatabaseAddressError(
      'DATABASE_URL must begin with postgres:// or postgresql://, received an address ' +
        (scheme === undefined ? 'without a scheme.' : `that begins with ${scheme}.`),
    );
  }
}
