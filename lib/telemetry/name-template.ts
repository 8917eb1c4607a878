const E_MAIL = /[^\s:/#|,;<>()[\]{}"]+@[^\s:/#|,;<>()[\]{}"@]+\.[\p{L}\p{N}]+/gu;
const UUID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/gi;
/** What stands between two of the characters that part a name for good; `-` and `_` only join words. */
const SEGMENT = /[\p{L}\p{M}\p{N}_-]+/gu;
const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const MAX_WORD_LENGTH = 40;
/** A name so long is no name that somebody thought of, and the patterns would be slow on it. */
const MAX_NAME_LENGTH = 200;

/**
 * The name without what differs from one lock of a kind to the next, such as numbers, dates, UUIDs, hashes and e-mail addresses:
 * `order:*` for `order:42`. It keeps words, which are letters alone; all else could be an id. Of several names with commas between
 * it says each template once.
 */
export function nameTemplate(name: string): string {
  return [...new Set(name.split(', ').map(templateOfOne))].join(', ');
}

function templateOfOne(name: string): string {
  if (name.length > MAX_NAME_LENGTH) return '*';
  return (
    name
      .replace(E_MAIL, '*')
      .replace(UUID, '*')
      .replace(SEGMENT, segmentTemplate)
      // However many there are side by side, as in `2026-05-01T10:00` or `1.5`, it is one.
      .replace(/\*(?:[^\p{L}\p{M}\p{N}]*\*)+/gu, '*')
      // `-42` and `+49…` are numbers.
      .replace(/(?<![\p{L}\p{M}\p{N}])[-+_]+\*/gu, '*')
  );
}

function segmentTemplate(segment: string): string {
  const words = segment.match(WORD);
  if (words?.some(isToken) === true) return '*';
  return segment.replace(WORD, (word) => (isPlain(word) ? word : '*'));
}

/** Letters and digits in turns, as in base64 or a nanoid: then its other parts say nothing either. */
function isToken(word: string): boolean {
  return /\p{N}\P{N}+\p{N}|\P{N}\p{N}+\P{N}/u.test(word);
}

function isPlain(word: string): boolean {
  return !/\p{N}/u.test(word) && !/^[a-f]{8,}$/i.test(word) && word.length <= MAX_WORD_LENGTH;
}
