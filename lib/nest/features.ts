import { DEFAULT_NAME, type LockEngine } from '../core/index.js';
import type { Fleet } from '../fleet/fleet.js';
import type { JobRuntime } from '../jobs/job-runtime.js';
import type { RunTimeJobs } from '../jobs/run-time-jobs.js';
import type { Leaderships } from '../leadership/leaderships.js';
import type { Leases } from '../lease/leases.js';
import type { OnceRuns } from '../lease/once/once-runs.js';
import type { ShareGroups } from '../shares/share-groups.js';
import type { BodySpans } from '../telemetry/body-spans.js';

/**
 * The property of a service with the parts that other providers of its module need. The same for both halves
 * of the package.
 */
export const FEATURES: unique symbol = Symbol.for('nestjs-advisory-lock:features');

/** The parts of one configured module. */
export interface Features {
  readonly engine: LockEngine;
  readonly fleet: Fleet;
  readonly jobs: JobRuntime;
  readonly runTimeJobs: RunTimeJobs;
  readonly leaderships: Leaderships;
  readonly leases: Leases;
  readonly onceRuns: OnceRuns;
  readonly shareGroups: ShareGroups;
  readonly bodySpans: BodySpans;
}

/** A service, or the provider of the module, which stays when a test replaces the service. */
export interface FeatureHost {
  readonly [FEATURES]: Features;
}

/** The injection token of the features of a configured module. */
export function getFeaturesToken(name: string = DEFAULT_NAME): symbol {
  // Nest prints the token when the module is missing, so it says what to import.
  const call = name === DEFAULT_NAME ? 'forRoot()' : `forRoot({ name: ${JSON.stringify(name)} })`;
  return Symbol.for(`features of AdvisoryLockModule.${call}`);
}
