import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import type { EventEmitter2 } from '@nestjs/event-emitter';
import type { AdvisoryLockEvents } from '../core/index.js';
import { isClassWith } from './is-class-with.js';

/** How the emitter splits names. It has these properties, although its types do not declare them. */
type Naming = EventEmitter2 & { readonly wildcard?: boolean; readonly delimiter?: string };

/**
 * Emits every event on the emitter of `EventEmitterModule`, as `advisory-lock.<type>`, where the application
 * imports that module.
 */
export class EventEmitterBridge implements OnModuleInit, OnApplicationShutdown {
  private stop: (() => void) | undefined;

  constructor(
    private readonly events: AdvisoryLockEvents,
    private readonly moduleRef: ModuleRef,
    private readonly discovery: DiscoveryService,
  ) {}

  onModuleInit(): void {
    const emitter = findEmitter(this.moduleRef, this.discovery);
    if (emitter === undefined) return;
    const { wildcard = false, delimiter = '.' } = emitter;
    // Only an emitter with wildcards splits names, by the delimiter that its listeners use.
    const prefix = `advisory-lock${wildcard ? delimiter : '.'}`;
    // Unlike `emit`, it returns the promise of async listeners, so that a rejection does not end the process.
    this.stop = this.events.on('*', (event) => emitter.emitAsync(prefix + event.type, event));
  }

  onApplicationShutdown(): void {
    this.stop?.();
  }
}

/**
 * By the form of the token, the class of the emitter: to import the package takes some 20 ms in an
 * application that has it and does not use it. `undefined` when no module provides one, and when it is not
 * one for the whole application but, for example, one for each request.
 */
function findEmitter(moduleRef: ModuleRef, discovery: DiscoveryService): Naming | undefined {
  const token = discovery
    .getProviders()
    .find((provider) => isClassWith(provider.token, 'emitAsync', 'onAny'))?.token;
  if (token === undefined) return undefined;
  try {
    // With the rules of Nest, as the static instance of a provider with another scope is not one to use.
    return moduleRef.get<Naming>(token as typeof EventEmitter2, { strict: false });
  } catch {
    return undefined;
  }
}
