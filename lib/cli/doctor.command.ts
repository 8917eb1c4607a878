import { parseArgs } from 'node:util';
import { printable } from '../core/index.js';
import { describeDiagnosis, POOLER_NOTICE } from '../inspection/describe-diagnosis.js';
import { diagnose } from '../inspection/diagnose.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { openEngine } from './open-engine.js';
import { print, printJson } from './print.js';
import { readArguments } from './usage.error.js';

/** Checks whether the database can be relied on for locks. */
export const doctorCommand: CliCommand = {
  usage: '[--json]',
  summary: 'Checks whether locks can be relied on in this database',
  details: [
    '  --json  prints the whole diagnosis as JSON',
    '',
    `Exit status: 0 when there are no problems, ${ExitStatus.problems} when there are, ` +
      `${ExitStatus.usage} when DATABASE_URL is wrong.`,
  ].join('\n'),

  async run(args) {
    const { values } = readArguments(() => parseArgs({ args, options: { json: { type: 'boolean' } } }));
    const engine = openEngine('doctor');
    try {
      const diagnosis = await diagnose(engine, true);
      const { isHealthy, pooler, locks, problems } = diagnosis;
      if (values.json === true) {
        printJson(diagnosis);
      } else {
        const room = locks?.allowed === undefined ? '' : `, a process may hold ${locks.allowed} locks`;
        if (diagnosis.server !== undefined) print(printable(`${describeDiagnosis(diagnosis)}${room}`));
        if (pooler === 'transaction') print(`Note: ${POOLER_NOTICE}`);
        for (const { code, message } of problems) print(printable(`${code}: ${message}`));
        if (isHealthy) print('No problems.');
      }
      return isHealthy ? ExitStatus.ok : ExitStatus.problems;
    } finally {
      await engine.close(0);
    }
  },
};
