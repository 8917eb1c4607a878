import type { DashboardInstance } from './dashboard-snapshot.js';
import type { FleetLook } from '../inspect/fleet/fleet-look.js';

/** Those that have told of themselves, and those whose backends are there without a word. */
export function dashboardInstancesOf({
  reports,
  silent,
}: Pick<FleetLook, 'reports' | 'silent'>): DashboardInstance[] {
  const told = reports.map(({ instance, backends, upMs }) => ({
    name: instance,
    backends,
    upMs,
    isSilent: false,
  }));
  const silentBackends = new Map<string, number[]>();
  for (const { pid, instance } of silent) {
    silentBackends.set(instance, [...(silentBackends.get(instance) ?? []), pid]);
  }
  const untold = [...silentBackends].map(([name, backends]) => ({ name, backends, isSilent: true }));
  return [...told, ...untold].sort((a, b) => a.name.localeCompare(b.name));
}
