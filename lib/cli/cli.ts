import { AdvisoryLockError, isError, messageOf, printable, printableStack } from '../core/index.js';
import type { CliCommand } from './cli-command.js';
import { doctorCommand } from './doctor.command.js';
import { ExitStatus, statusOfError } from './exit-status.js';
import { jobsCommand } from './jobs.command.js';
import { keyCommand } from './key.command.js';
import { killCommand } from './kill.command.js';
import { listCommand } from './list.command.js';
import { onceCommand } from './once.command.js';
import { pauseCommand } from './pause.command.js';
import { printError, print } from './print.js';
import { resumeCommand } from './resume.command.js';
import { runCommand } from './run.command.js';
import { ticksCommand } from './ticks.command.js';
import { triggerCommand } from './trigger.command.js';
import { UsageError } from './usage.error.js';
import { whyCommand } from './why.command.js';

const commands: Readonly<Record<string, CliCommand>> = {
  list: listCommand,
  why: whyCommand,
  kill: killCommand,
  run: runCommand,
  key: keyCommand,
  ticks: ticksCommand,
  jobs: jobsCommand,
  pause: pauseCommand,
  resume: resumeCommand,
  trigger: triggerCommand,
  once: onceCommand,
  doctor: doctorCommand,
};

/** Runs the command that the arguments name, and resolves to the exit status. Never rejects. */
export async function runCli(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (name === undefined) throw new UsageError('A command is missing.');
    if (asksForHelp(command === undefined ? args : rest)) {
      print(command === undefined ? help() : helpOf(name, command));
      return ExitStatus.ok;
    }
    if (command === undefined) throw new UsageError(`There is no command ${JSON.stringify(name)}.`);
    return await command.run(rest);
  } catch (error) {
    printError(explain(error));
    if (error instanceof UsageError) {
      printError(
        command === undefined ? help() : `Usage: nestjs-advisory-lock ${String(name)} ${command.usage}`,
      );
    }
    return statusOfError(error);
  }
}

/** Arguments after `--` belong to another program. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === '--help' || arg === '-h');
}

/** The message of an expected error says everything; of any other error, the stack matters. */
function explain(error: unknown): string {
  if (!isError(error)) return printable(messageOf(error));
  const isExpected = error instanceof AdvisoryLockError || statusOfError(error) !== ExitStatus.bug;
  return isExpected ? printable(error.message) : printableStack(error.stack ?? error.message);
}

function help(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    'Usage: nestjs-advisory-lock <command> …',
    '',
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'The database is that of DATABASE_URL, or of PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.',
    'nestjs-advisory-lock <command> --help prints the options and exit statuses.',
  ].join('\n');
}

function helpOf(name: string, { usage, summary, details }: CliCommand): string {
  return [`Usage: nestjs-advisory-lock ${name} ${usage}`, '', `${summary}.`, '', details].join('\n');
}
