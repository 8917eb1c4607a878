import { hash } from 'node:crypto';

/** What a key scheme may answer: a 64-bit key, or a pair of 32-bit keys, both signed. */
export type KeyValue = bigint | number | readonly [number, number];

/** A user's own formula from a name to a key. It gets the name with its namespace, and must answer the same every time. */
export type KeyFunction = (name: string) => KeyValue;

/** How a string becomes a key: a scheme by its name, or a function. */
export type KeyScheme = 'sha256' | 'md5-31' | KeyFunction;

/** The first 8 bytes of SHA-256 as a signed big-endian integer. */
function sha256(name: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${hash('sha256', name).slice(0, 16)}`));
}

/**
 * The recipe that is well known from asyncpg users: the first 15 hex digits of MD5, modulo 2^31. Only 31 bits: of 10,000
 * names some two collide with a probability of 2.3 %.
 */
function md5Modulo31(name: string): bigint {
  return BigInt(`0x${hash('md5', name).slice(0, 15)}`) % 2n ** 31n;
}

export const keySchemes: Readonly<Record<Extract<KeyScheme, string>, KeyFunction>> = {
  sha256,
  'md5-31': md5Modulo31,
};
