import type { Hold } from './hold.js';
import { byName } from './overlaps.js';

export interface TokenCheck {
  /** How many tokens were compared with the one before. */
  readonly checked: number;
  /** Two holders of a name, of which the later has no larger token. */
  readonly violations: readonly (readonly [Hold, Hold])[];
}

/** Whether the tokens of exclusive holders grow from holder to holder of each name. */
export function checkTokens(holds: readonly Hold[]): TokenCheck {
  const violations: [Hold, Hold][] = [];
  let checked = 0;
  for (const ofName of byName(holds).values()) {
    let last: (Hold & { token: bigint }) | undefined;
    for (const hold of ofName) {
      if (hold.kind !== 'exclusive' || !hasToken(hold)) continue;
      if (last !== undefined) {
        checked += 1;
        if (hold.token <= last.token) violations.push([last, hold]);
      }
      if (last === undefined || hold.token > last.token) last = hold;
    }
  }
  return { checked, violations };
}

function hasToken(hold: Hold): hold is Hold & { token: bigint } {
  return hold.token !== undefined;
}
