/** What the program checks on each runtime, in this order. */
export const STEPS = [
  'decorator',
  'waiting',
  'abort',
  'loss',
  'permits',
  'tick',
  'fleet',
  'shutdown',
] as const;

export type StepName = (typeof STEPS)[number];
