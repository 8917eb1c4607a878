import { parseArgs } from 'node:util';
import { checkOptions, printable, waitRules } from '../core/index.js';
import { askToRun, type RunOutcome } from '../fleet/run/ask-to-run.js';
import { jobDigest } from '../fleet/run/run-messages.js';
import type { CliCommand } from './cli-command.js';
import { readDurationMs } from './duration.js';
import { ExitStatus } from './exit-status.js';
import { fleetOptions, readWithinMs } from './fleet-arguments.js';
import { readJob } from './job-arguments.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions } from './key-arguments.js';
import { openEngineInFleet } from './open-engine-in-fleet.js';
import { print, printError } from './print.js';
import { readArguments, UsageError } from './usage.error.js';

/** Runs a job now, in an instance that has it. */
export const triggerCommand: CliCommand = {
  usage: '<job> [--wait <time>|forever] [--within <time>] [--namespace …]',
  summary: 'Runs a job now, in one instance of the fleet',
  details: [
    '  --wait <time>         how long to wait while the job is busy: 10s, 5m or forever (default: 0)',
    '  --within <time>       for how long instances may offer to run the job (default: 2s, at most 60s)',
    KEY_OPTIONS_HELP,
    '',
    'The job is called by its lock, without the namespace, such as Reports.daily. It runs under its lock,',
    'also while it is paused, and the command ends when it has ended. The role of DATABASE_URL must be that',
    'of the application, a member of it or a superuser, and ADVISORY_LOCK_FLEET_SECRET must have the',
    '`fleetSecret` of the application, where it has one; instances ignore others.',
    '',
    'Exit status:',
    `  ${ExitStatus.ok}    the job has run`,
    `  ${ExitStatus.problems}    the job has failed`,
    `  ${ExitStatus.usage}   the arguments or DATABASE_URL are wrong, or several jobs have that lock`,
    `  ${ExitStatus.noInstance}   no instance has the job, or may run it`,
    `  ${ExitStatus.noDatabase}   the database cannot be reached`,
    `  ${ExitStatus.busy}   the job is busy; it was not started`,
    `  ${ExitStatus.lost}   a connection was lost while it ran; how it ended is not known`,
  ].join('\n'),

  async run(args) {
    const { job, keys, waitMs, withinMs } = readArguments(() => readTrigger(args));
    const { engine, fleet } = openEngineInFleet('trigger', keys);
    try {
      if (!(await engine.server.isListening())) {
        throw new UsageError(
          'DATABASE_URL must be the address of the server itself, received that of a pooler in transaction ' +
            'mode, through which no instance can respond.',
        );
      }
      const digest = jobDigest(keys.fullNameOf(job));
      const outcome = await askToRun(engine.server, fleet.messages, { job: digest, waitMs, withinMs });
      return report(`"${printable(job)}"`, outcome);
    } finally {
      await engine.close(0);
    }
  },
};

function report(job: string, outcome: RunOutcome): number {
  switch (outcome.end) {
    case 'done':
      print(`${job} has run in ${outcome.instance}.`);
      return ExitStatus.ok;
    case 'failed':
      printError(printable(`${job} failed in ${outcome.instance}: ${outcome.message}`));
      return ExitStatus.problems;
    case 'busy':
      printError(printable(`${job} was not started: ${outcome.message}`));
      return ExitStatus.busy;
    case 'refused':
      printError(printable(outcome.message));
      return ExitStatus.usage;
    case 'lost':
      printError(printable(`${job} was started in ${outcome.instance}: ${outcome.message}.`));
      return ExitStatus.lost;
    case 'none':
      printError(
        `No instance may run ${job}: none has it with its timer on and leads where it needs that, or this ` +
          'role or ADVISORY_LOCK_FLEET_SECRET is not that of the application. See `jobs`.',
      );
      return ExitStatus.noInstance;
  }
}

function readTrigger(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      ...keyOptions,
      wait: { type: 'string', default: '0' },
      within: { ...fleetOptions.within, default: '2s' },
    },
    allowPositionals: true,
  });
  const waitMs = values.wait === 'forever' ? Infinity : readDurationMs(values.wait, '--wait');
  checkOptions({ waitMs }, waitRules, 'trigger');
  return {
    job: readJob(positionals),
    keys: readKeyOptions(values).keys,
    waitMs,
    withinMs: readWithinMs(values),
  };
}
