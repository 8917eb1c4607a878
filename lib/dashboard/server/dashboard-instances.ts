import type { FleetLook } from '../../fleet/fleet-look.js';
import type { DashboardInstance } from './dashboard-snapshot.js';

/**
 * The instances that have reported, and those that have only backends. Several modules of one process report
 * separately, and are one instance. Reports that are not confirmed are instances of their own: anyone can use
 * the name of another.
 */
export function dashboardInstancesOf({
  reports,
  silent,
}: Pick<FleetLook, 'reports' | 'silent'>): DashboardInstance[] {
  const instances = new Map<string, DashboardInstance & { readonly backends: number[] }>();
  for (const { instance: name, backends, upMs, isUnconfirmed = false } of reports) {
    const id = isUnconfirmed ? `unconfirmed ${name}` : `confirmed ${name}`;
    const known = instances.get(id);
    known?.backends.push(...backends);
    instances.set(id, {
      name,
      backends: known?.backends ?? [...backends],
      upMs: Math.max(known?.upMs ?? 0, upMs),
      isSilent: false,
      ...(isUnconfirmed && { isUnconfirmed }),
    });
  }
  for (const { pid, instance: name } of silent) {
    const id = `confirmed ${name}`;
    const known = instances.get(id);
    known?.backends.push(pid);
    instances.set(id, { isSilent: true, name, ...known, backends: known?.backends ?? [pid] });
  }
  return [...instances.values()].sort(
    (a, b) =>
      a.name.localeCompare(b.name) || Number(a.isUnconfirmed ?? false) - Number(b.isUnconfirmed ?? false),
  );
}
