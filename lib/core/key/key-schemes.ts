import { hash } from 'node:crypto';

/** What a key scheme may return: a 64-bit key, or a pair of 32-bit keys. All are signed. */
export type KeyValue = bigint | number | readonly [number, number];

/**
 * A formula of the application that turns a name into a key. It receives the name with its namespace, and
 * must return the same key for it every time, in every process.
 *
 * @example
 * ```ts
 * const keyScheme: KeyFunction = (name) => [42, crc32(name) | 0]; // `crc32` of node:zlib
 * ```
 */
export type KeyFunction = (name: string) => KeyValue;

/**
 * How a name becomes a key: `'sha256'`, the first 8 bytes of SHA-256; `'md5-31'`, 31 bits of MD5 as other
 * programs use them; or a function.
 */
export type KeyScheme = 'sha256' | 'md5-31' | KeyFunction;

/** The first 8 bytes of SHA-256 as a signed big-endian integer. */
function sha256(name: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${hash('sha256', name).slice(0, 16)}`));
}

/**
 * The well-known recipe of asyncpg users: the first 15 hex digits of MD5, modulo 2^31. It has only 31 bits:
 * among 10,000 names some two collide with a probability of 2.3 %.
 */
function md5Modulo31(name: string): bigint {
  return BigInt(`0x${hash('md5', name).slice(0, 15)}`) % 2n ** 31n;
}

export const keySchemes: Readonly<Record<Extract<KeyScheme, string>, KeyFunction>> = {
  sha256,
  'md5-31': md5Modulo31,
};
