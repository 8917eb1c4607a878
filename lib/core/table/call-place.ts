/** Where a lock was requested: the name of a method, or the body that was passed by hand. */
export type CallPlace = string | ((...args: never[]) => unknown);

/**
 * The option by which decorators say which method requests a lock. Not a string, so that it is no option of
 * users.
 */
export const CALLER: unique symbol = Symbol.for('nestjs-advisory-lock:caller');

/** Options with the method that requests the lock. */
export interface CallerOptions {
  readonly [CALLER]?: string;
}

/** The frames of this library on the way of a request, and the first one of the application. */
const MAX_FRAMES = 12;

/** Of the source of a body, so much is shown. */
const MAX_SOURCE_LENGTH = 80;

/** The library's own frames begin with the path before this one. */
const OWN_PATH = /^(?<root>.*)core[/\\]table[/\\]call-place\.[cm]?[jt]s:/;

/** The place of the call that is refused: `Imports.load`, or `load (/app/imports.js:7:22)`. */
export function describeCall({ [CALLER]: caller }: CallerOptions): string {
  if (caller !== undefined) return caller;
  const frames = capturedFrames();
  const root = OWN_PATH.exec(pathOf(frames[0]))?.groups?.['root'];
  const foreign = root === undefined ? undefined : frames.find((frame) => !pathOf(frame).startsWith(root));
  return foreign ?? 'a call whose place is not known';
}

/**
 * The place of an earlier call, as messages show it. Of a body passed by hand it is the beginning of its
 * source: to capture a stack would cost each lock a quarter of its time.
 */
export function describePlace(place: CallPlace | undefined): string {
  if (place === undefined) return 'a call whose place is not known';
  if (typeof place === 'string') return place;
  const source = Function.prototype.toString.call(place).replace(/\s+/g, ' ');
  const isCut = source.length > MAX_SOURCE_LENGTH;
  return `the body \`${isCut ? `${source.slice(0, MAX_SOURCE_LENGTH)}…` : source}\``;
}

/** Of `load (/app/imports.js:7:22)`, what is in the parentheses. */
function pathOf(frame = ''): string {
  return / \((?<path>.*)\)$/.exec(frame)?.groups?.['path'] ?? frame.replace(/^async /, '');
}

function capturedFrames(): string[] {
  const holder: { stack?: unknown } = {};
  const { stackTraceLimit } = Error;
  // Without an exception where an application has frozen it.
  Reflect.set(Error, 'stackTraceLimit', MAX_FRAMES);
  Error.captureStackTrace(holder);
  Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  // An application may have replaced how stacks are formatted.
  const lines = typeof holder.stack === 'string' ? holder.stack.split('\n') : [];
  return lines.flatMap((line) => /^\s*at (?<frame>.+)$/.exec(line)?.groups?.['frame'] ?? []);
}
