import type { FleetLook } from '../../fleet/fleet-look.js';
import type { DashboardInstance } from './dashboard-snapshot.js';

/**
 * Those that have told of themselves, and those whose backends are there without a word. Several modules of one process tell each for
 * itself, and are one instance.
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
