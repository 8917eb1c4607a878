import {
  LETTERS,
  LockKey,
  type LockMode,
  type LockOperation,
  type LockRequest,
  type Statement,
} from '../core/index.js';

const OPERATIONS = new Map<string, { form: 'bigint' | 'pair'; mode: LockMode; operation: LockOperation }>();
for (const form of ['bigint', 'pair'] as const) {
  for (const mode of ['exclusive', 'shared'] as const) {
    for (const operation of ['try', 'unlock'] as const)
      OPERATIONS.set(LETTERS[form][mode][operation], { form, mode, operation });
  }
}

/** The requests that a statement of `statementFor()` has; `undefined` when it is another one. */
export function requestsOf({ name, values: given = [] }: Statement): LockRequest[] | undefined {
  const values = given.map((value) => value ?? '');
  const [first = '', keys = ''] = values;
  switch (name) {
    case 'advisory_lock_try':
      return [{ operation: 'try', mode: 'exclusive', key: LockKey.of(BigInt(first)) }];
    case 'advisory_lock_unlock':
      return [{ operation: 'unlock', mode: 'exclusive', key: LockKey.of(BigInt(first)) }];
    case 'advisory_lock_batch': {
      const bits = keys.slice(1, -1).split(',').map(BigInt);
      return Array.from(first).flatMap((letter, n) => {
        const found = OPERATIONS.get(letter);
        return found === undefined ? [] : { ...found, key: keyOf(found.form, bits[n] ?? 0n) };
      });
    }
    default:
      return undefined;
  }
}

function keyOf(form: 'bigint' | 'pair', bits: bigint): LockKey {
  if (form === 'bigint') return LockKey.of(bits);
  return LockKey.of([Number(BigInt.asIntN(32, bits >> 32n)), Number(BigInt.asIntN(32, bits))]);
}

/** A lock that a script takes. */
export interface ScriptedLock {
  readonly key: LockKey;
  readonly mode: LockMode;
  readonly isTry: boolean;
  /** For how long it waits, in milliseconds; `0` is without end. */
  readonly timeoutMs: number;
}

const LOCK =
  /(try_)?advisory_(?:xact_)?lock(_shared)?\('(-?\d+)'::pg_catalog\.int[48](?:, '(-?\d+)'::pg_catalog\.int4)?\)/;

/** Of a wait of a session in turns, and of one of a transaction. */
const TIMEOUT = /ceil\((\d+) - |'lock_timeout', '(\d+)'/;

/** The lock that a script of this library takes; `undefined` when it takes none. */
export function scriptedLock(script: string): ScriptedLock | undefined {
  const [, isTry, shared, first, second] = LOCK.exec(script) ?? [];
  if (first === undefined) return undefined;
  const [, ofSession, ofTransaction] = TIMEOUT.exec(script) ?? [];
  const timeoutMs = ofSession ?? ofTransaction ?? '0';
  return {
    key: LockKey.of(second === undefined ? BigInt(first) : [Number(first), Number(second)]),
    mode: shared === undefined ? 'exclusive' : 'shared',
    isTry: isTry !== undefined,
    timeoutMs: Number(timeoutMs),
  };
}
