import { parseArgs } from 'node:util';
import { NOTIFY_OF_JOBS } from '../fleet/job-notice.js';
import { endPause } from '../jobs/control/pause-statements.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import {
  changePauses,
  JOB_OPTIONS_HELP,
  jobOptions,
  readJob,
  readJobOptions,
  requireNotifications,
} from './job-arguments.js';
import { openEngineInFleet } from './open-engine-in-fleet.js';
import { print } from './print.js';
import { printable } from '../core/index.js';
import { readArguments } from './usage.error.js';

/** Ends the pause of a job. */
export const resumeCommand: CliCommand = {
  usage: '<job> [--table …] [--namespace …]',
  summary: 'Ends the pause of a job in the whole fleet',
  details: [
    JOB_OPTIONS_HELP,
    '',
    `Exit status: 0 when the job was resumed; ${ExitStatus.problems} when it was not paused; ` +
      `${ExitStatus.usage} when the arguments or`,
    `DATABASE_URL are wrong, or the table is missing; ${ExitStatus.noDatabase} when the database cannot be ` +
      'reached.',
  ].join('\n'),

  async run(args) {
    const { job, keys, table } = readArguments(() => readResumeArguments(args));
    const open = openEngineInFleet('resume', keys);
    try {
      await requireNotifications(open);
      const [resumed] = await changePauses(open, endPause(table, keys.fullNameOf(job)));
      // Also when nothing was changed: the notification of an earlier call may have failed.
      await open.engine.server.query(NOTIFY_OF_JOBS);
      print(`"${printable(job)}" ${resumed === undefined ? 'was not paused' : 'is resumed'}.`);
      return resumed === undefined ? ExitStatus.problems : ExitStatus.ok;
    } finally {
      await open.engine.close(0);
    }
  },
};

function readResumeArguments(args: string[]) {
  const { values, positionals } = parseArgs({ args, options: jobOptions, allowPositionals: true });
  return { job: readJob(positionals), ...readJobOptions(values) };
}
