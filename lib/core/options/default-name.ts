/** The `name` of an `AdvisoryLockModule` that is configured without one. */
export const DEFAULT_NAME = 'default';
