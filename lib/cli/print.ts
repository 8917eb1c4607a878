/** What was asked for. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What is said about it, apart from the output of a command that runs. */
export function printError(text: string): void {
  process.stderr.write(`nestjs-advisory-lock: ${text}\n`);
}
