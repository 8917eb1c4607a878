/** One command of the command line. */
export interface CliCommand {
  /** The arguments, in short, as they follow the name. */
  readonly usage: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** The options, the behavior and the exit statuses. */
  readonly details: string;
  /** Resolves to the exit status. An error that it rejects with is printed, and determines the status. */
  run(args: string[]): Promise<number>;
}
