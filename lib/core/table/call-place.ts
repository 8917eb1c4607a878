/** Who calls the library: the name of a method, or a stack of which the place is read when it is needed. */
export type CallPlace = string | { readonly stack?: unknown };

/**
 * The option by which decorators say which method requests a lock. Not a string, so that it is no option of
 * users.
 */
export const CALLER: unique symbol = Symbol.for('nestjs-advisory-lock:caller');

/** Options with the method that requests the lock. */
export interface CallerOptions {
  readonly [CALLER]?: string;
}

/** The frames of this library on the way of a body, and the first one of the application. */
const BODY_FRAMES = 6;
/** The same on every way. */
const MAX_FRAMES = 12;

/** The library's own frames begin with the path before this one. */
const OWN_PATH = /^(?<root>.*)core[/\\]table[/\\]call-place\.[cm]?[jt]s:/;

/**
 * Captures the place of a call that runs a body. Every such lock pays for it, so it takes few frames, which
 * are formatted only when they are read.
 */
export function captureCall(): CallPlace {
  return capture(BODY_FRAMES);
}

/** The place of the call that is refused: `Imports.load`, or `load (/app/imports.js:7:22)`. */
export function describeCall({ [CALLER]: caller }: CallerOptions): string {
  return describePlace(caller ?? capture(MAX_FRAMES));
}

/** The place of an earlier call, as messages show it. */
export function describePlace(place: CallPlace | undefined): string {
  if (typeof place === 'string') return place;
  // An application may have replaced how stacks are formatted.
  const lines = typeof place?.stack === 'string' ? place.stack.split('\n') : [];
  const frames = lines.flatMap((line) => /^\s*at (?<frame>.+)$/.exec(line)?.groups?.['frame'] ?? []);
  const root = OWN_PATH.exec(pathOf(frames[0]))?.groups?.['root'];
  const foreign = root === undefined ? undefined : frames.find((frame) => !pathOf(frame).startsWith(root));
  return foreign ?? 'a call whose place is not known';
}

/** Of `load (/app/imports.js:7:22)`, what is in the parentheses. */
function pathOf(frame = ''): string {
  return / \((?<path>.*)\)$/.exec(frame)?.groups?.['path'] ?? frame.replace(/^async /, '');
}

function capture(frames: number): CallPlace {
  const place = {};
  const { stackTraceLimit } = Error;
  // Without an exception where an application has frozen it.
  Reflect.set(Error, 'stackTraceLimit', frames);
  Error.captureStackTrace(place);
  Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  return place;
}
