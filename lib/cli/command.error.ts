/** The command that `run` was given could not be started. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** The status that shells use: 127 for a command that is not found, 126 for one that cannot be run. */
  readonly status: number;

  constructor(file: string, cause: NodeJS.ErrnoException) {
    super(`The command ${JSON.stringify(file)} could not be started: ${cause.message}.`, { cause });
    this.status = cause.code === 'ENOENT' ? 127 : 126;
  }
}
