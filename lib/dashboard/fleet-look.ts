import { hostname } from 'node:os';
import type { AdvisoryLockInspector } from '../advisory-lock-inspector.js';
import type { InspectedLock } from '../inspect/inspected-lock.js';
import type { InstanceReport } from '../inspect/fleet/instance-report.js';

/** What a look at the fleet has brought. */
export interface FleetLook {
  readonly database: string;
  readonly locks: InspectedLock[];
  readonly reports: InstanceReport[];
  readonly silent: { readonly pid: number; readonly instance?: string }[];
}
export async function lookAtFleet(inspector: AdvisoryLockInspector): Promise<FleetLook> {
  return { database: 'x', locks: await inspector.list(), reports: [], silent: [] };
}
export const INSTANCE = `${hostname()}:${process.pid}`;
declare module '../inspect/inspected-lock.js' {
  interface InspectedLock {
    readonly instance?: string;
    readonly heldMs?: number;
    readonly callsWaiting?: number;
  }
  interface InspectedBackend {
    readonly instance?: string;
  }
}
