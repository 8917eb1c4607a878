/** The message with the values. */
const BIND = 0x42;
/** The unnamed portal, all rows, and the end of the statement. */
const EXECUTE_AND_SYNC = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4]);
const NULL = -1;

/**
 * The messages that run a prepared statement, as one buffer. node-postgres makes a buffer for each of the
 * three, and a system call with one buffer takes less time than one with three.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export function runPrepared(name: string, values: readonly (string | null)[]): Buffer {
  const nameLength = Buffer.byteLength(name);
  const lengths = values.map((value) => (value === null ? NULL : Buffer.byteLength(value)));
  const bindLength = lengths.reduce(
    (sum, length) => sum + 4 + Math.max(length, 0),
    4 + 1 + nameLength + 1 + 6,
  );
  const message = Buffer.allocUnsafe(1 + bindLength + EXECUTE_AND_SYNC.length);
  let at = message.writeUInt8(BIND, 0);
  at = message.writeInt32BE(bindLength, at);
  // The unnamed portal.
  at = message.writeUInt8(0, at);
  at += message.write(name, at);
  at = message.writeUInt8(0, at);
  // No formats: all values are text.
  at = message.writeInt16BE(0, at);
  at = message.writeInt16BE(values.length, at);
  values.forEach((value, index) => {
    at = message.writeInt32BE(lengths[index] as number, at);
    if (value !== null) at += message.write(value, at);
  });
  // And so are all results.
  at = message.writeInt16BE(0, at);
  EXECUTE_AND_SYNC.copy(message, at);
  return message;
}
