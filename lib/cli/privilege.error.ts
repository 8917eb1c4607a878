/** The role of the connection may not do what was asked for. */
export class PrivilegeError extends Error {
  override readonly name = 'PrivilegeError';

  /** When that is what the server says. */
  static from(error: unknown): PrivilegeError | undefined {
    const { message, cause } = error as Error;
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: insufficient_privilege
    if ((cause as { code?: unknown } | undefined)?.code !== '42501') return undefined;
    return new PrivilegeError(message, { cause: error });
  }
}
