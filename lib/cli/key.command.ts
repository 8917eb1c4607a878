import { parseArgs } from 'node:util';
import {
  isServerKeyScheme,
  type KeyRegistry,
  type LockEngine,
  type LockKey,
  printable,
  SERVER_KEY_SCHEMES,
  type ServerKeyScheme,
} from '../core/index.js';
import { knownToolsOf } from '../inspection/known-tools.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions, readName } from './key-arguments.js';
import { formulaSql, keySql } from './key-sql.js';
import { keysByScheme, serverKeyOf } from './keys-by-scheme.js';
import { print, printJson } from './print.js';
import { readArguments, UsageError } from './usage.error.js';

/** Prints the key of a name, without a database where that can be. */
export const keyCommand: CliCommand = {
  usage: '<name> [--scheme <scheme> | --all-schemes] [--namespace <prefix>] [--json]',
  summary: 'Prints the key of a name, and the SQL to take the lock by hand',
  details: [
    KEY_OPTIONS_HELP,
    '  --all-schemes         prints the keys of the name by all schemes; two of them are computed by the',
    '                        server, when DATABASE_URL is set',
    '  --json                prints JSON; the key is a string there',
  ].join('\n'),

  async run(args) {
    const wanted = readArguments(() => readKey(args));
    if (wanted.isOfAll) await printAll(wanted);
    else printOne(wanted, await keyOf(wanted));
    return ExitStatus.ok;
  },
};

type WantedKey = ReturnType<typeof readKey>;

async function keyOf({ name, scheme, keys }: WantedKey): Promise<LockKey> {
  if (!isServerKeyScheme(scheme)) return keys.keyOf(name);
  const engine = await engineFor(keys);
  try {
    return (await serverKeyOf(engine, name, scheme)).key;
  } finally {
    await engine.close(0);
  }
}

function printOne({ name, fullName, scheme, json }: WantedKey, key: LockKey): void {
  const sql = keySql(key, fullName, scheme);
  const { classid, objid, objsubid } = key;
  const hex = `0x${BigInt.asUintN(64, key.bits).toString(16).padStart(16, '0')}`;
  const tool = toolOf(key);
  if (json) {
    const pgLocks = { classid, objid, objsubid };
    const known = tool !== undefined && { tool };
    printJson({ name, fullName, scheme, key: key.id, hex, pgLocks, ...known, sql });
    return;
  }
  const forms = {
    name: fullName,
    scheme,
    key: key.id,
    hex,
    pg_locks: `classid ${classid}, objid ${objid}, objsubid ${objsubid}`,
    ...(tool !== undefined && { warning: `${tool} uses this key, too: choose another name` }),
  };
  print(
    Object.entries(forms)
      .map(([form, value]) => `${form.padEnd(8)}  ${printable(value)}`)
      .join('\n'),
  );
  for (const { what, statement } of Object.values(sql)) print(`\n-- ${what}\n${statement};`);
}

async function printAll({ name, fullName, keys, json }: WantedKey): Promise<void> {
  const found: { scheme: string; key: string }[] = keysByScheme(fullName).map(({ scheme, key }) => ({
    scheme,
    key: key.id,
  }));
  const engine = process.env['DATABASE_URL'] ? await engineFor(keys) : undefined;
  const missing: ServerKeyScheme[] = [];
  try {
    for (const scheme of SERVER_KEY_SCHEMES) {
      if (engine === undefined) missing.push(scheme);
      else found.push({ scheme, key: (await serverKeyOf(engine, name, scheme)).key.id });
    }
  } finally {
    await engine?.close(0);
  }
  if (json) {
    print(
      JSON.stringify(
        { name, fullName, keys: Object.fromEntries(found.map(({ scheme, key }) => [scheme, key])) },
        null,
        2,
      ),
    );
    return;
  }
  const lines = [
    ...found,
    ...missing.map((scheme) => ({
      scheme,
      key: `computed by the server: ${formulaSql(fullName, scheme) ?? ''}`,
    })),
  ];
  print(lines.map(({ scheme, key }) => `${scheme.padEnd(18)}  ${key}`).join('\n'));
}

/** Loaded where a server is asked: most keys are computed without one, and the engine is most of the code. */
async function engineFor(keys: KeyRegistry): Promise<LockEngine> {
  const { openEngine } = await import('./open-engine.js');
  return openEngine('key', { keys });
}

function toolOf({ id, isPair }: LockKey): string | undefined {
  return isPair ? undefined : knownToolsOf()(id);
}

function readKey(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      ...keyOptions,
      'all-schemes': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const name = readName(positionals);
  const { scheme, keys } = readKeyOptions(values);
  const isOfAll = values['all-schemes'];
  if (isOfAll && scheme !== 'sha256') {
    throw new UsageError('--scheme and --all-schemes exclude each other: the second prints all of them.');
  }
  return { name, scheme, keys, isOfAll, json: values.json, fullName: keys.fullNameOf(name) };
}
