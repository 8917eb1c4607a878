import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { KeyFunction } from './key-function.js';

/**
 * The formulas of other libraries, each as its source computes it: a lock of this library and one of theirs
 * exclude each other if they have the same formula, the same form of key and the same database.
 * test/unit/foreign-schemes.spec.ts has the vectors.
 */
export const foreignSchemes = {
  'advisory-lock': (name) => {
    const digest = hash('sha256', name, 'buffer');
    return [digest.readInt32LE(0), digest.readInt32LE(4)];
  },
  medusa: (name) => {
    let sum = 5381;
    for (let n = name.length - 1; n >= 0; n -= 1) sum = Math.imul(sum, 33) ^ name.charCodeAt(n);
    return sum >>> 0;
  },
  // The second number comes from an environment variable of the application, and is 0 without it.
  'with-advisory-lock': (name) => [crc32(name) & 0x7fffffff, 0],
  'distributed-lock': (name) => shortAscii(name) ?? hexDigits(name) ?? littleEndian('sha1', name),
  pals: (name) => littleEndian('sha1', name),
  'django-pglock': (name) => littleEndian('sha256', name),
  'django-pglocks': (name) => crc32(name) | 0,
  symfony: (name) => crc32(name),
  'good-job': (name) => hash('md5', name, 'buffer').readBigInt64BE(0),
  river: (name) => BigInt.asIntN(64, fnv1(name, FNV_64)),
} as const satisfies Record<string, KeyFunction>;

/** River with a prefix for all of its keys: the prefix is the high half. */
export function riverWithPrefix(prefix: number): KeyFunction {
  return (name) => BigInt.asIntN(64, (BigInt(prefix) << 32n) | fnv1(name, FNV_32));
}

function littleEndian(algorithm: 'sha1' | 'sha256', name: string): bigint {
  return hash(algorithm, name, 'buffer').readBigInt64LE(0);
}

/** DistributedLock: up to 9 characters of 7 bits, a 0 bit, and 1 bits up to 64. */
function shortAscii(name: string): bigint | undefined {
  const bytes = Buffer.from(name);
  if (bytes.length > 9 || bytes.some((byte) => byte > 0x7f)) return undefined;
  const bits = bytes.reduce((high, byte) => (high << 7n) | BigInt(byte), 0n);
  const padding = BigInt(7 * (9 - bytes.length));
  return BigInt.asIntN(64, (bits << (padding + 1n)) | ((1n << padding) - 1n));
}

/** DistributedLock: a key that is written as 16 hex digits, or a pair as two times 8. */
function hexDigits(name: string): bigint | readonly [number, number] | undefined {
  const [, high, comma, low] = /^([\da-f]{8})(,?)([\da-f]{8})$/i.exec(name) ?? [];
  if (high === undefined || low === undefined) return undefined;
  if (comma === ',') return [Number.parseInt(high, 16) | 0, Number.parseInt(low, 16) | 0];
  return BigInt.asIntN(64, BigInt(`0x${high}${low}`));
}

const FNV_64 = { bits: 64, offset: 0xcbf29ce484222325n, prime: 0x100000001b3n };
const FNV_32 = { bits: 32, offset: 0x811c9dc5n, prime: 0x01000193n };

/** FNV-1: multiplies first. FNV-1a, which is better known, does so last. */
function fnv1(name: string, { bits, offset, prime }: typeof FNV_64): bigint {
  let sum = offset;
  for (const byte of Buffer.from(name)) sum = BigInt.asUintN(bits, sum * prime) ^ BigInt(byte);
  return sum;
}
