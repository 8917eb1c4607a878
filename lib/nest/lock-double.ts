import type { LockEngineOptions } from '../core/index.js';
import type { Features } from './features.js';

/** The injection token of what takes the place of the database in tests. */
export const LOCK_DOUBLE: unique symbol = Symbol.for('nestjs-advisory-lock:double');

/** What `nestjs-advisory-lock/testing` provides to every module of an application. */
export interface LockDouble {
  /** The parts of an engine that need no database. */
  readonly engineOptions: {
    readonly connections: NonNullable<LockEngineOptions['connections']>;
    readonly dataSource: NonNullable<LockEngineOptions['dataSource']>;
  };
  /** Called with the parts of each module. */
  opened(name: string, features: Features): void;
}
