const E_MAIL = /[^\s:/#|,;<>()[\]{}"]+@[^\s:/#|,;<>()[\]{}"@]+\.[\p{L}\p{N}]+/gu;
const UUID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/gi;
/** A run of characters between separators; `-` and `_` are not separators, they join words. */
const SEGMENT = /[\p{L}\p{M}\p{N}_-]+/gu;
const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const MAX_WORD_LENGTH = 40;
/** A longer name was not written by a person, and the patterns would be slow on it. */
const MAX_NAME_LENGTH = 200;

/**
 * The name without the parts that differ between locks of a kind, such as numbers, dates, UUIDs, hashes and
 * e-mail addresses: `order:*` for `order:42`. It keeps words, which consist of letters; anything else could
 * be an id. For several names with commas between them, it has each template once.
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
      // Several side by side, as in `2026-05-01T10:00` or `1.5`, become one.
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

/** Letters and digits in turns, as in base64 or a nanoid: then its other parts mean nothing either. */
function isToken(word: string): boolean {
  return /\p{N}\P{N}+\p{N}|\P{N}\p{N}+\P{N}/u.test(word);
}

function isPlain(word: string): boolean {
  return !/\p{N}/u.test(word) && !/^[a-f]{8,}$/i.test(word) && word.length <= MAX_WORD_LENGTH;
}
