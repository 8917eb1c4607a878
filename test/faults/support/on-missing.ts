/**
 * What becomes of tests that need something this machine does not have. A developer reads that they are
 * skipped; in CI no one does, and tests that are always skipped protect nothing.
 */
export function onMissing({ CI }: NodeJS.ProcessEnv = process.env): 'skip' | 'fail' {
  return CI === 'true' ? 'fail' : 'skip';
}
