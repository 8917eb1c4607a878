/** The role of the connection may not do what was asked for. */
export class PrivilegeError extends Error {
  override readonly name = 'PrivilegeError';
}
