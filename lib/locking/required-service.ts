import { LockConfigurationError } from '../core/index.js';
import type { LockHost } from './lock-host.js';
import { readService } from './service-key.js';

/** The service of the object. Throws `LOCK_CONFIGURATION` when it has none. */
export function requiredService(instance: unknown, serviceKey: symbol, methodName: string): LockHost {
  const isObject = typeof instance === 'object' && instance !== null;
  const service = isObject ? readService(instance, serviceKey) : undefined;
  if (service !== undefined) return service;
  const isOfAClass = isObject && 'constructor' in instance;
  const where = isOfAClass ? `${instance.constructor.name}.${methodName}` : methodName;
  throw new LockConfigurationError(
    `${where} asks for an advisory lock, but its object has no ` +
      `${serviceKey.description ?? 'AdvisoryLockService'}, so it did not run. The object was made by hand, ` +
      'or by a factory in request scope, or the method was called without its object, or before the ' +
      'modules were initialized. Let Nest make it as a provider of an application that imports the module.',
  );
}
