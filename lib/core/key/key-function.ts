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
