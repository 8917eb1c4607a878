import { isPrintable } from '../core/index.js';

/** An argument, quoted for a shell where necessary, in printable characters alone. */
export function shellWord(text: string): string {
  if (!isPrintable(text)) return `$'${text.replace(/[^ -~]|['\\\\]/gu, escaped)}'`;
  return /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The text as the beginning of a sentence. */
export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** As `$'…'` of bash and zsh reads it. */
function escaped(character: string): string {
  return `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`;
}
