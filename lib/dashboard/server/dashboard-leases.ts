import { messageOf } from '../../core/index.js';
import type { HeldLease } from '../../lease/held-lease.js';
import type { AdvisoryLockInspector } from '../../nest/advisory-lock-inspector.js';
import { SharedQuery } from '../../nest/shared-query.js';
import { within } from '../../nest/within.js';

/** How many leases are listed at most. */
const MAX_LEASES = 500;

/** How often the leases are read at most, and how long a viewer waits, in milliseconds. */
const LEASE_TIMES = { everyMs: 1_000, patienceMs: 2_000 };

/** The leases that are held, as JSON. Instants are by the clock of the server. */
export interface DashboardLeases {
  readonly at: string;
  /** How many are held; `leases` has those that end first. */
  readonly count: number;
  readonly leases: readonly DashboardLease[];
  /** Why they cannot be listed, such as a table that is missing. */
  readonly problem?: string;
}

export interface DashboardLease extends Pick<HeldLease, 'name' | 'owner' | 'ttlMs'> {
  readonly fencingToken: string;
  readonly since: string;
  readonly expiresAt: string;
}

/** Lists leases for all viewers. */
export class LeaseReader {
  private readonly query: SharedQuery<readonly HeldLease[]>;

  constructor(inspector: Pick<AdvisoryLockInspector, 'leases'>) {
    this.query = new SharedQuery(() => inspector.leases());
  }

  /** Never rejects: when the leases cannot be read, it says so. */
  async read(): Promise<DashboardLeases> {
    const { everyMs, patienceMs } = LEASE_TIMES;
    try {
      const held = await within(this.query.get(everyMs), patienceMs);
      return {
        at: new Date().toISOString(),
        count: held.length,
        leases: held.slice(0, MAX_LEASES).map(({ name, owner, ttlMs, fencingToken, since, expiresAt }) => ({
          name,
          owner,
          ttlMs,
          fencingToken: String(fencingToken),
          since: since.toISOString(),
          expiresAt: expiresAt.toISOString(),
        })),
      };
    } catch (error) {
      return { at: new Date().toISOString(), count: 0, leases: [], problem: messageOf(error) };
    }
  }
}
