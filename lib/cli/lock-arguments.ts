import {
  checkOptions,
  type KeyRegistry,
  type LockEngine,
  LockKey,
  type LockName,
  lockRules,
  printable,
} from '../core/index.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions, readName } from './key-arguments.js';
import { shellWord } from './words.js';
import { UsageError } from './usage.error.js';

/** The options that say which lock is meant: by its name, or by its key where that is not made of a name. */
export const lockOptions = {
  ...keyOptions,
  key: { type: 'string' },
  permits: { type: 'string', default: '1' },
} as const;

export const LOCK_OPTIONS_HELP = [
  '  --key <key>           instead of a name, the key itself: --key 42, --key=-42, or --key 1,2 for a pair',
  '  --permits <n>         how many may hold it at once, for a lock with permits',
  KEY_OPTIONS_HELP,
].join('\n');

export interface WantedLock {
  /** Its name inside a sentence: `"daily-report"`, or `the key 42`. */
  readonly label: string;
  readonly name: LockName;
  readonly keys: KeyRegistry;
  /** How many may hold it at once. */
  readonly permits: number;
  /** The arguments that select this lock in another command. */
  readonly asArguments: string;
}

/** The keys of a lock. */
export interface WantedKeys {
  /** The key of the lock; for a lock with permits, the keys of all permits. */
  readonly permitKeys: readonly LockKey[];
  /** For a lock with permits: the key that its first waiter holds. */
  readonly turnKey: LockKey | undefined;
}

/** The keys of the lock, which the server computes where only it can. */
export async function keysOfLock(
  { serverKeys }: Pick<LockEngine, 'serverKeys'>,
  { name, keys, permits }: WantedLock,
): Promise<WantedKeys> {
  await serverKeys.resolve(name, { permits });
  if (permits === 1) return { permitKeys: [keys.keyOf(name)], turnKey: undefined };
  const { permits: permitKeys, turn } = keys.permitKeysOf(name, permits);
  return { permitKeys, turnKey: turn };
}

interface LockValues {
  readonly scheme: string;
  readonly namespace?: string | undefined;
  readonly key?: string | undefined;
  readonly permits: string;
}

export function readLock(values: LockValues, positionals: readonly string[]): WantedLock {
  const permits = Number(values.permits);
  checkOptions({ permits }, lockRules, 'the lock');
  const { keys } = readKeyOptions(values);
  const name = values.key === undefined ? readName(positionals) : readKey(values.key, positionals);
  keys.check(name);
  if (permits > 1 && !keys.isOfServer()) keys.permitKeysOf(name, permits);
  const label = typeof name === 'string' ? `"${printable(name)}"` : `the key ${LockKey.of(name).id}`;
  return { label, name, keys, permits, asArguments: argumentsOf(name, values) };
}

function readKey(text: string, positionals: readonly string[]): LockName {
  if (positionals.length > 0) {
    throw new UsageError(
      `--key takes the place of the name, received ${JSON.stringify(positionals[0])} as well.`,
    );
  }
  const numbers = /^\(?\s*(-?\d+)(?:\s*,\s*(-?\d+))?\s*\)?$/.exec(text);
  const [, first, second] = numbers ?? [];
  if (first === undefined) {
    throw new UsageError(
      `--key must be a whole number, or two with a comma in between, received ${JSON.stringify(text)}.`,
    );
  }
  return second === undefined ? BigInt(first) : [Number(first), Number(second)];
}

function argumentsOf(name: LockName, { scheme, namespace, permits }: LockValues): string {
  const words = [typeof name === 'string' ? shellWord(name) : `--key=${String(name)}`];
  if (typeof name === 'string' && namespace !== undefined) words.push('--namespace', shellWord(namespace));
  if (typeof name === 'string' && scheme !== 'sha256') words.push('--scheme', scheme);
  if (permits !== '1') words.push('--permits', permits);
  return words.join(' ');
}
