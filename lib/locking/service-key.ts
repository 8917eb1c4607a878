import 'reflect-metadata';
import { Inject } from '@nestjs/common';
import type { LockHost } from './lock-host.js';

const SERVICE_KEYS = Symbol.for('nestjs-advisory-lock:slots');

/**
 * Gives a class with locked methods a property for the service, which Nest fills by injection. The key of the
 * property is the injection token, a symbol, so it does not appear in JSON. It is a dependency like any
 * other, so Nest refuses to start without the module.
 */
export function declareServiceKey(prototype: object, token: symbol): void {
  const keys = serviceKeysOf(prototype);
  if (keys.includes(token)) return;
  Reflect.defineMetadata(SERVICE_KEYS, [...keys, token], prototype);
  Inject(token)(prototype, token);
}

/** The service keys of a class by its prototype, inherited ones included. */
export function serviceKeysOf(prototype: object): readonly symbol[] {
  return (Reflect.getMetadata(SERVICE_KEYS, prototype) as readonly symbol[] | undefined) ?? [];
}

/** The service of an object. */
export function readService(instance: object, serviceKey: symbol): LockHost | undefined {
  return (instance as Record<symbol, LockHost | undefined>)[serviceKey];
}

/** Gives an object its service where Nest injects nothing. Throws a TypeError for a frozen object. */
export function writeService(instance: object, serviceKey: symbol, service: LockHost): void {
  Object.defineProperty(instance, serviceKey, { value: service, configurable: true, writable: true });
}
