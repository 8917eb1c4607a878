/** The name of the configured module that is meant when none is given. */
export const DEFAULT_NAME = 'default';
