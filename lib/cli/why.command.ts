import { parseArgs } from 'node:util';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { explainLock } from './explain-lock.js';
import { FLEET_OPTIONS_HELP, fleetOptions, readWithinMs } from './fleet-arguments.js';
import { killArguments, LEASE_OPTIONS_HELP, leaseAsJson, leaseOptions, leasesOf } from './leases.js';
import { LOCK_OPTIONS_HELP, lockOptions, readLock, type WantedLock } from './lock-arguments.js';
import { type LockStory, storyOf } from './lock-story.js';
import { openEngineInFleet } from './open-engine-in-fleet.js';
import { print, printJson } from './print.js';
import { readTable } from './table-arguments.js';
import { readArguments } from './usage.error.js';

/** Explains in words which process holds a lock, and which wait for it. */
export const whyCommand: CliCommand = {
  usage: '<name> [--key <key>] [--permits <n>] [--within <time>] [--scheme …] [--namespace …] [--json]',
  summary: 'Explains one lock in words: its holder, since when, its waiters',
  details: [
    LOCK_OPTIONS_HELP,
    LEASE_OPTIONS_HELP,
    FLEET_OPTIONS_HELP,
    '  --json                prints JSON, with holders and waiters as `AdvisoryLockInspector.find()` ' +
      'returns them',
    '',
    'Moments are by the clock of the server, in the time zone of this machine.',
    '',
    'Exit status: 0 when the lock could be inspected, whether it is held or free; ' +
      `${ExitStatus.usage} when the arguments or`,
    `DATABASE_URL are wrong; ${ExitStatus.noDatabase} when the database cannot be reached.`,
  ].join('\n'),

  async run(args) {
    const { wanted, json, withinMs, leaseTable } = readArguments(() => readWhy(args));
    const open = openEngineInFleet('why', wanted.keys);
    try {
      const { name, keys } = wanted;
      const [held] = typeof name === 'string' ? await leasesOf(open.engine, leaseTable, keys, name) : [];
      const story = {
        ...(await storyOf(open, wanted, withinMs)),
        ...(held && { lease: { held, killArguments: killArguments(leaseTable) } }),
      };
      if (json) printJson(storyAsJson(story, wanted));
      else print(explainLock(story));
      return ExitStatus.ok;
    } finally {
      await open.engine.close(0);
    }
  },
};

function readWhy(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: { ...lockOptions, ...leaseOptions, ...fleetOptions, json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  return {
    wanted: readLock(values, positionals),
    json: values.json,
    withinMs: readWithinMs(values),
    leaseTable: readTable(values['lease-table'], '--lease-table'),
  };
}

function storyAsJson(
  { keyId, holders, waiters, trying, prepared, deadlock, lease }: LockStory,
  { name }: WantedLock,
) {
  return {
    // For a lock that was asked for by its key, `name` is the key.
    name: typeof name === 'string' ? name : null,
    key: keyId,
    isHeld: holders.length > 0,
    holders,
    waiters,
    trying,
    ...(deadlock !== undefined && { deadlock }),
    ...(lease !== undefined && { lease: leaseAsJson(lease.held) }),
    preparedTransactions: prepared,
  };
}
