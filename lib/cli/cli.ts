import { AdvisoryLockError, isError, messageOf, printable, printableStack } from '../core/index.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus, statusOfError } from './exit-status.js';
import { printError, print } from './print.js';
import { UsageError } from './usage.error.js';

/** Each is loaded when it is used: most of the time of a short command is spent on loading. */
const commands: Readonly<Record<string, () => Promise<CliCommand>>> = {
  list: async () => (await import('./list.command.js')).listCommand,
  why: async () => (await import('./why.command.js')).whyCommand,
  kill: async () => (await import('./kill.command.js')).killCommand,
  run: async () => (await import('./run.command.js')).runCommand,
  key: async () => (await import('./key.command.js')).keyCommand,
  ticks: async () => (await import('./ticks.command.js')).ticksCommand,
  jobs: async () => (await import('./jobs.command.js')).jobsCommand,
  pause: async () => (await import('./pause.command.js')).pauseCommand,
  resume: async () => (await import('./resume.command.js')).resumeCommand,
  trigger: async () => (await import('./trigger.command.js')).triggerCommand,
  once: async () => (await import('./once.command.js')).onceCommand,
  doctor: async () => (await import('./doctor.command.js')).doctorCommand,
};

/** Runs the command that the arguments name, and resolves to the exit status. Never rejects. */
export async function runCli(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const load = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  let command: CliCommand | undefined;
  try {
    if (name === '--version' || name === '-v') {
      print(await (await import('./package-version.js')).packageVersion());
      return ExitStatus.ok;
    }
    command = await load?.();
    if (name === undefined) throw new UsageError('A command is missing.');
    if (asksForHelp(command === undefined ? args : rest)) {
      print(command === undefined ? await help() : helpOf(name, command));
      return ExitStatus.ok;
    }
    if (command === undefined) throw new UsageError(`There is no command ${JSON.stringify(name)}.`);
    return await command.run(rest);
  } catch (error) {
    printError(explain(error));
    if (error instanceof UsageError) {
      printError(
        command === undefined ? await help() : `Usage: nestjs-advisory-lock ${String(name)} ${command.usage}`,
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

async function help(): Promise<string> {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = ['Usage: nestjs-advisory-lock <command> …', ''];
  for (const [name, load] of Object.entries(commands))
    lines.push(`  ${name.padEnd(width)}  ${(await load()).summary}`);
  lines.push(
    '',
    'The database is that of DATABASE_URL, or of PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.',
    'nestjs-advisory-lock <command> --help prints the options and exit statuses, --version the version.',
  );
  return lines.join('\n');
}

function helpOf(name: string, { usage, summary, details }: CliCommand): string {
  return [`Usage: nestjs-advisory-lock ${name} ${usage}`, '', `${summary}.`, '', details].join('\n');
}
