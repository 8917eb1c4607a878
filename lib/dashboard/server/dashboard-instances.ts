import type { FleetLook } from '../../fleet/fleet-look.js';
import type { DashboardInstance } from './dashboard-snapshot.js';

/**
 * The instances that have reported, and those that have only backends. Several modules of one process report
 * separately, and are one instance.
 */
export function dashboardInstancesOf({
  reports,
  silent,
}: Pick<FleetLook, 'reports' | 'silent'>): DashboardInstance[] {
  const instances = new Map<string, DashboardInstance>();
  for (const { instance: name, backends, upMs } of reports) {
    const known = instances.get(name);
    instances.set(name, {
      name,
      backends: [...(known?.backends ?? []), ...backends],
      upMs: Math.max(known?.upMs ?? 0, upMs),
      isSilent: false,
    });
  }
  for (const { pid, instance: name } of silent) {
    const known = instances.get(name);
    instances.set(name, { isSilent: true, name, ...known, backends: [...(known?.backends ?? []), pid] });
  }
  return [...instances.values()].sort((a, b) => a.name.localeCompare(b.name));
}
