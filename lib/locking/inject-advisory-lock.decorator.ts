import { Inject } from '@nestjs/common';
import { getAdvisoryLockToken } from './advisory-lock.tokens.js';

/**
 * Injects the `AdvisoryLockService` of the module that is configured under a name. Never throws.
 *
 * @param name - the `name` given to `AdvisoryLockModule.forRoot`; the default module when left out.
 * @example
 * ```ts
 * constructor(@InjectAdvisoryLock('warehouse') private readonly locks: AdvisoryLockService) {}
 * ```
 */
export function InjectAdvisoryLock(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getAdvisoryLockToken(name));
}
