import { parseArgs } from 'node:util';
import { printable } from '../core/index.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions, readName } from './key-arguments.js';
import { keySql } from './key-sql.js';
import { print, printJson } from './print.js';
import { readArguments } from './usage.error.js';

/** Prints the key of a name, without a database. */
export const keyCommand: CliCommand = {
  usage: '<name> [--scheme sha256|md5-31] [--namespace <prefix>] [--json]',
  summary: 'Prints the key of a name, and the SQL to take the lock by hand',
  details: [KEY_OPTIONS_HELP, '  --json                prints JSON; the key is a string there'].join('\n'),

  run(args) {
    const { scheme, json, name, fullName, key } = readArguments(() => readKey(args));
    const sql = keySql(key, fullName, scheme);
    const { classid, objid, objsubid } = key;
    const hex = `0x${BigInt.asUintN(64, key.bits).toString(16).padStart(16, '0')}`;
    if (json) {
      const pgLocks = { classid, objid, objsubid };
      printJson({ name, fullName, scheme, key: key.id, hex, pgLocks, sql });
      return Promise.resolve(ExitStatus.ok);
    }
    const forms = {
      name: fullName,
      scheme,
      key: key.id,
      hex,
      pg_locks: `classid ${classid}, objid ${objid}, objsubid ${objsubid}`,
    };
    print(
      Object.entries(forms)
        .map(([form, value]) => `${form.padEnd(8)}  ${printable(value)}`)
        .join('\n'),
    );
    for (const { what, statement } of Object.values(sql)) print(`\n-- ${what}\n${statement};`);
    return Promise.resolve(ExitStatus.ok);
  },
};

function readKey(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: { ...keyOptions, json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const name = readName(positionals);
  const { scheme, keys } = readKeyOptions(values);
  return { name, scheme, json: values.json, key: keys.keyOf(name), fullName: keys.fullNameOf(name) };
}
