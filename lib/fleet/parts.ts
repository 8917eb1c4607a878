/**
 * A payload of NOTIFY must be shorter than 8000 bytes:
 * https://www.postgresql.org/docs/current/sql-notify.html
 */
const MAX_TEXT_LENGTH = 7_900;

/** About 1 MB for one report. */
export const MAX_PARTS = 128;

const HEADER = /^([\w-]{1,40}) (\d{1,3})\/(\d{1,3}) /;

/** One of the notifications that make up a report. */
export interface Part {
  readonly questionId: string;
  readonly index: number;
  readonly count: number;
  readonly text: string;
}

/**
 * Writes a value as JSON in ASCII: a server with an encoding other than UTF-8 may be unable to pass on the
 * rest.
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Splits a report, which is ASCII, into payloads; `undefined` when it is too long. */
export function splitReport(questionId: string, text: string): string[] | undefined {
  const count = Math.ceil(text.length / MAX_TEXT_LENGTH);
  if (count > MAX_PARTS) return undefined;
  return Array.from(
    { length: count },
    (_, index) =>
      `${questionId} ${index}/${count} ${text.slice(index * MAX_TEXT_LENGTH, (index + 1) * MAX_TEXT_LENGTH)}`,
  );
}

/** Reads a payload; `undefined` for anything that is not a part of a report. */
export function readPart(payload: string): Part | undefined {
  const [header = '', questionId = '', index, count] = HEADER.exec(payload) ?? [];
  const part = { questionId, index: Number(index), count: Number(count), text: payload.slice(header.length) };
  return part.count <= MAX_PARTS && part.index < part.count ? part : undefined;
}
