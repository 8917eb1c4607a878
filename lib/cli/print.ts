/** Prints the result. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/**
 * Prints a message of the program itself, apart from the result and from the output of a command that it
 * runs.
 */
export function printError(text: string): void {
  process.stderr.write(`nestjs-advisory-lock: ${text}\n`);
}
