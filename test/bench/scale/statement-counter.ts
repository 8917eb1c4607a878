/** The codes of requests before the first message with a type, after which another such request follows. */
const ENCRYPTION_CODES = [80_877_103, 80_877_104];

const TYPE_BYTES = 1;
const LENGTH_BYTES = 4;
const CODE_BYTES = 4;

/** A simple query, and the execution of a prepared statement. */
const STATEMENT_TYPES = ['Q', 'E'].map((letter) => letter.charCodeAt(0));

/** Counts the statements that one client sends, in the bytes of its connection, however they are cut. */
export class StatementCounter {
  count = 0;
  private head = Buffer.alloc(0);
  /** How much is left of the message whose head has been read. */
  private restBytes = 0;
  /** The first messages of a connection have no type. */
  private hasTypes = false;

  read(chunk: Buffer): void {
    let from = 0;
    while (from < chunk.length) {
      const skipped = Math.min(this.restBytes, chunk.length - from);
      this.restBytes -= skipped;
      from += skipped;
      if (from === chunk.length) return;
      const headBytes = this.hasTypes ? TYPE_BYTES + LENGTH_BYTES : LENGTH_BYTES + CODE_BYTES;
      const more = chunk.subarray(from, from + headBytes - this.head.length);
      this.head = Buffer.concat([this.head, more]);
      from += more.length;
      if (this.head.length === headBytes) this.readHead();
    }
  }

  private readHead(): void {
    const { head } = this;
    this.head = Buffer.alloc(0);
    if (this.hasTypes) {
      if (STATEMENT_TYPES.includes(head.readUInt8(0))) this.count += 1;
      this.restBytes = head.readUInt32BE(TYPE_BYTES) - LENGTH_BYTES;
    } else {
      this.hasTypes = !ENCRYPTION_CODES.includes(head.readUInt32BE(LENGTH_BYTES));
      this.restBytes = head.readUInt32BE(0) - head.length;
    }
  }
}
