import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import type { EventEmitter2 } from '@nestjs/event-emitter';
import type { AdvisoryLockEvents } from '../core/index.js';

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
  ) {}

  async onModuleInit(): Promise<void> {
    const emitter = await findEmitter(this.moduleRef);
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
 * Resolves to `undefined` when the package is not installed, or the application does not import its module.
 */
async function findEmitter(moduleRef: ModuleRef): Promise<Naming | undefined> {
  try {
    const { EventEmitter2: token } = await import('@nestjs/event-emitter');
    const emitter: Naming = moduleRef.get(token, { strict: false });
    return emitter;
  } catch {
    return undefined;
  }
}
