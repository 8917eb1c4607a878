/** One of the things that the command line does. */
export interface CliCommand {
  /** What follows its name. */
  readonly usage: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** All that there is to say of it. */
  readonly details: string;
  /** Answers the exit status; what it throws is printed, and decides about the status. */
  run(args: string[]): Promise<number>;
}
