import 'reflect-metadata';
import { Inject } from '@nestjs/common';
import type { AdvisoryLockService } from '../nest/advisory-lock.service.js';

const SLOTS = Symbol.for('nestjs-advisory-lock:slots');

/**
 * Gives a class with locked methods a property for the service, which Nest fills by injection. Its key is the injection token:
 * a symbol, so it shows in no JSON; and because it is a dependency like any other, Nest refuses to start without the module.
 */
export function declareSlot(prototype: object, token: symbol): void {
  const slots = slotsOf(prototype);
  if (slots.includes(token)) return;
  Reflect.defineMetadata(SLOTS, [...slots, token], prototype);
  Inject(token)(prototype, token);
}

/** The slots of a class by its prototype, inherited ones included. */
export function slotsOf(prototype: object): readonly symbol[] {
  return (Reflect.getMetadata(SLOTS, prototype) as readonly symbol[] | undefined) ?? [];
}

/** What is in the slot. */
export function readSlot(instance: object, slot: symbol): AdvisoryLockService | undefined {
  return (instance as Record<symbol, AdvisoryLockService | undefined>)[slot];
}

/** Fills a slot by hand, where Nest injects nothing. Throws a TypeError for a frozen object. */
export function fillSlot(instance: object, slot: symbol, service: AdvisoryLockService): void {
  Object.defineProperty(instance, slot, { value: service, configurable: true, writable: true });
}
