/** A payload of NOTIFY has to be shorter than 8000 bytes: https://www.postgresql.org/docs/current/sql-notify.html */
const MAX_TEXT_LENGTH = 7_900;

/** Some 1 MB for one answer. */
export const MAX_PARTS = 128;

const HEADER = /^([\w-]{1,40}) (\d{1,3})\/(\d{1,3}) /;

/** One notification of several that make an answer. */
export interface Part {
  readonly questionId: string;
  readonly index: number;
  readonly count: number;
  readonly text: string;
}

/** Writes a value as JSON of ASCII, as a server with an encoding other than UTF-8 may not be able to pass on the rest. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Cuts an answer, which is ASCII, into payloads; `undefined` when it is too long. */
export function splitReport(questionId: string, text: string): string[] | undefined {
  const count = Math.ceil(text.length / MAX_TEXT_LENGTH);
  if (count > MAX_PARTS) return undefined;
  return Array.from(
    { length: count },
    (_, index) =>
      `${questionId} ${index}/${count} ${text.slice(index * MAX_TEXT_LENGTH, (index + 1) * MAX_TEXT_LENGTH)}`,
  );
}

/** Reads a payload; `undefined` for anything that is none. */
export function readPart(payload: string): Part | undefined {
  const [header = '', questionId = '', index, count] = HEADER.exec(payload) ?? [];
  const part = { questionId, index: Number(index), count: Number(count), text: payload.slice(header.length) };
  return part.count <= MAX_PARTS && part.index < part.count ? part : undefined;
}
