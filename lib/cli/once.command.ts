import { parseArgs } from 'node:util';
import { type KeyRegistry, printable } from '../core/index.js';
import { deleteOnceRuns, type OnceRun, readOnceRun, selectOnceRuns } from '../lease/once/once-records.js';
import { clockTime } from './ago.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions, readName } from './key-arguments.js';
import { openEngine } from './open-engine.js';
import { print, printJson } from './print.js';
import { screenWidth } from './screen.js';
import { changeTable, isReadable, readTable } from './table-arguments.js';
import { type Column, tableOf } from './table.js';
import { readArguments, UsageError } from './usage.error.js';

/** Lists what `once` has run in the database, and lets it run again. */
export const onceCommand: CliCommand = {
  usage: 'list [--json] | reset <name> [--version <text>]   [--table …] [--namespace …]',
  summary: 'Lists what has run once in the database, or lets it run again',
  details: [
    '  --json                prints an array of what has run',
    '  --version <text>      only this version; --version= is the one without a version',
    '  --table <table>       the table of what has run (default: public.advisory_once)',
    KEY_OPTIONS_HELP,
    '',
    'What was reset runs again at the next call of once() with that name. A run that goes on meanwhile is',
    'not stopped, and is recorded when it has succeeded.',
    '',
    `Exit status: 0; ${ExitStatus.problems} when nothing of that name has run; ` +
      `${ExitStatus.usage} when the arguments or`,
    `DATABASE_URL are wrong, or the table to reset is missing; ${ExitStatus.noDatabase} when the database ` +
      'cannot be reached;',
    `${ExitStatus.forbidden} when the role lacks the privilege to reset.`,
  ].join('\n'),

  async run(args) {
    const options = readArguments(() => readOnce(args));
    const { table, keys } = options;
    const engine = openEngine('once', { keys });
    try {
      if (options.name === undefined) {
        const statement = selectOnceRuns(table.sql, keys.prefix);
        const lines = (await isReadable(engine, table)) ? await engine.server.query(statement) : [];
        show(runsOf(lines, keys), options.json);
        return ExitStatus.ok;
      }
      const statement = deleteOnceRuns(table.sql, keys.fullNameOf(options.name), options.version);
      const forgotten = runsOf(await changeTable(engine, table, statement), keys);
      for (const run of forgotten) print(`${labelOf(run)} runs again at its next call.`);
      if (forgotten.length > 0) return ExitStatus.ok;
      print(`${labelOf({ name: options.name, version: options.version ?? '' })} has not run.`);
      return ExitStatus.problems;
    } finally {
      await engine.close(0);
    }
  },
};

function runsOf(lines: readonly (string | null)[], keys: KeyRegistry): OnceRun[] {
  return lines.map((line) => readOnceRun(line ?? '', keys.prefix));
}

function show(runs: readonly OnceRun[], isJson: boolean): void {
  if (isJson) printJson(runs);
  else if (runs.length > 0) print(tableOf(columnsAt(new Date()), runs, screenWidth()).join('\n'));
  else print('Nothing is recorded.');
}

function labelOf({ name, version }: Pick<OnceRun, 'name' | 'version'>): string {
  return `"${printable(name)}"${version === '' ? '' : ` (version ${printable(version)})`}`;
}

const columnsAt = (now: Date): Column<OnceRun>[] => [
  { title: 'NAME', text: ({ name }) => name, minWidth: 12 },
  { title: 'VERSION', text: ({ version }) => version, minWidth: 8 },
  { title: 'RAN AT', text: ({ ranAt }) => clockTime(ranAt, now) },
  { title: 'BY', text: ({ instance }) => instance, minWidth: 8 },
];

function readOnce(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      ...keyOptions,
      table: { type: 'string', default: 'public.advisory_once' },
      version: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const [verb, ...names] = positionals;
  const { version, json } = values;
  if (verb !== 'list' && verb !== 'reset') {
    throw new UsageError(`once needs \`list\` or \`reset <name>\`, received ${JSON.stringify(verb ?? '')}.`);
  }
  if (verb === 'list' && (names.length > 0 || version !== undefined)) {
    throw new UsageError('once list takes no name and no --version.');
  }
  if (verb === 'reset' && json) throw new UsageError('once reset prints no JSON.');
  return {
    name: verb === 'reset' ? readName(names) : undefined,
    version,
    json,
    keys: readKeyOptions(values).keys,
    table: readTable(values.table, '--table'),
  };
}
