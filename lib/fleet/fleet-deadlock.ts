import { type DeadlockedCall, findDeadlock, type WaitDependencies } from '../core/index.js';
import type { InstanceReport, ReportedWait } from './instance-report.js';

/** A wait with the name of its instance. */
export type FleetWait = ReportedWait & { readonly instance: string };

/**
 * All waits that the instances have reported. A stranger must not be able to end a call by inventing a
 * deadlock, so those of an unconfirmed sender do not count.
 */
export function waitsIn(reports: readonly InstanceReport[]): FleetWait[] {
  return reports
    .filter(({ isUnconfirmed }) => isUnconfirmed !== true)
    .flatMap(({ instance, waits = [] }) => waits.map((wait) => ({ ...wait, instance })));
}

/**
 * The deadlock that a wait is part of, as far as the instances have reported it. An instance that keeps a
 * lock while it waits says so itself; whatever else holds a lock goes on by itself.
 */
export function findFleetDeadlock(id: string, waits: readonly FleetWait[]): readonly FleetWait[] | undefined {
  const keepers = new Map<string, FleetWait[]>();
  for (const wait of waits) {
    for (const { key } of wait.inside) keepers.set(key, [...(keepers.get(key) ?? []), wait]);
  }
  const inTheWay = (wait: FleetWait, key: string): FleetWait[] =>
    (keepers.get(key) ?? []).filter(({ inside }) => {
      const kept = inside.find((held) => held.key === key);
      return !(wait.isShared === true && kept?.isShared === true);
    });
  const dependenciesOf = (wait: FleetWait): WaitDependencies<FleetWait> => ({
    holders: wait.keys.map((key) => inTheWay(wait, key)),
    isOneEnough: wait.keys.length > 1,
  });
  const start = waits.find((wait) => wait.id === id);
  return start && findDeadlock(start, dependenciesOf);
}

/** The calls of a deadlock, as errors and listings show them. */
export function deadlockedCalls(cycle: readonly FleetWait[]): DeadlockedCall[] {
  return cycle.map(({ instance, name, inside, requestedBy }) => ({
    instance,
    waitsFor: name,
    holds: [...new Set(inside.map((held) => held.name))],
    ...(requestedBy !== undefined && { requestedBy }),
  }));
}
