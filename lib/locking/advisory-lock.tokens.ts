import { DEFAULT_NAME } from '../core/index.js';

/**
 * The injection token of an `AdvisoryLockService`: of the module that is configured as `name`, or of the
 * default module. Never throws.
 *
 * A symbol of the global registry, so that the ES module and the CommonJS half of this package name the same
 * provider.
 *
 * @param name - the `name` given to `AdvisoryLockModule.forRoot`; the default module when left out.
 * @example
 * ```ts
 * Test.createTestingModule({ … }).overrideProvider(getAdvisoryLockToken()).useValue(fake);
 * ```
 */
export function getAdvisoryLockToken(name: string = DEFAULT_NAME): symbol {
  // Nest prints the token when the module is missing, so it says what to import.
  const call = name === DEFAULT_NAME ? 'forRoot()' : `forRoot({ name: ${JSON.stringify(name)} })`;
  return Symbol.for(`AdvisoryLockService of AdvisoryLockModule.${call}`);
}
