import { isKeySchemeName, KEY_SCHEME_NAMES, KeyRegistry, type KeyScheme } from '../core/index.js';
import { UsageError } from './usage.error.js';

export type SchemeName = Extract<KeyScheme, string>;

/** How names become keys; must be as in the applications that share the locks. */
export const keyOptions = {
  scheme: { type: 'string', default: 'sha256' },
  namespace: { type: 'string' },
} as const;

export const KEY_OPTIONS_HELP = [
  '  --scheme <scheme>     how the name becomes a key: sha256 (default), md5-31, or as in another library',
  '  --namespace <prefix>  the namespace of the application, when it has one',
].join('\n');

export interface KeyArguments {
  readonly scheme: SchemeName;
  readonly keys: KeyRegistry;
}

export function readKeyOptions(values: { scheme: string; namespace?: string | undefined }): KeyArguments {
  const { scheme, namespace } = values;
  if (!isKeySchemeName(scheme)) {
    throw new UsageError(`--scheme must be one of ${KEY_SCHEME_NAMES}, received ${JSON.stringify(scheme)}.`);
  }
  return { scheme, keys: new KeyRegistry({ namespace, keyScheme: scheme }) };
}

/** The one lock name among the arguments. */
export function readName(positionals: readonly string[]): string {
  const [name, surplus] = positionals;
  if (name === undefined) throw new UsageError('The name of the lock is missing.');
  if (surplus !== undefined) {
    throw new UsageError(`The command takes one name, received ${JSON.stringify(surplus)} as well.`);
  }
  return name;
}
