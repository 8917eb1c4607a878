import {
  type KeyScheme,
  keySchemes,
  type LockEngine,
  LockKey,
  SERVER_KEY_SCHEMES,
  type ServerKeyScheme,
} from '../core/index.js';

/** The key of a name by one scheme. */
export interface SchemeKey {
  readonly scheme: Extract<KeyScheme, string>;
  readonly key: LockKey;
}

/** The keys of a name by all schemes that are computed here. */
export function keysByScheme(fullName: string): SchemeKey[] {
  return Object.entries(keySchemes).map(([scheme, formula]) => ({
    scheme: scheme as keyof typeof keySchemes,
    key: LockKey.of(formula(fullName), fullName),
  }));
}

/** The key of a name by one scheme that the server computes. */
export async function serverKeyOf(
  engine: LockEngine,
  name: string,
  scheme: ServerKeyScheme,
): Promise<SchemeKey> {
  await engine.serverKeys.resolve(name, { keyScheme: scheme });
  return { scheme, key: engine.keys.keyOf(name, scheme) };
}

/**
 * The keys by which other programs may lock this name, each with its scheme: with the namespace, and
 * without it. A server may lack a formula, which is left out then.
 */
export async function foreignKeysOf(
  engine: LockEngine,
  name: string,
  own: LockKey,
): Promise<ReadonlyMap<string, string>> {
  const fullName = engine.keys.fullNameOf(name);
  const ofServer = await Promise.allSettled(
    SERVER_KEY_SCHEMES.map((scheme) => serverKeyOf(engine, name, scheme)),
  );
  const found = [
    ...keysByScheme(fullName),
    ...(fullName === name ? [] : keysByScheme(name)),
    ...ofServer.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : [])),
  ];
  return new Map(found.filter(({ key }) => key.id !== own.id).map(({ scheme, key }) => [key.id, scheme]));
}
