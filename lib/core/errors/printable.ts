/** Characters that no text of another party may bring onto a terminal, into a log or onto a page. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/** The same, but for those that JSON escapes, and the line breaks of its layout. */
const UNSAFE_IN_JSON = /[\x7F-\x9F\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * A text from outside, such as the name of a lock or of an application, without characters that are unsafe to
 * print: a terminal obeys control characters, a line break begins a line of its own in a log, and format
 * characters may reverse the direction of the following text.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, '\uFFFD');
}

/** Whether {@link printable} leaves the text as it is. */
export function isPrintable(text: string): boolean {
  return text.search(UNSAFE) < 0;
}

/** The stack of an error. Its frames are lines of their own, those of its message are not. */
export function printableStack(stack: string): string {
  return stack
    .split(/\n(?=\s+at )/)
    .map(printable)
    .join('\n');
}

/** The text of JSON with the same values, in which every unsafe character is an escape. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE_IN_JSON, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
