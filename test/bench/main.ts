import { parseArgs } from 'node:util';
import { baselineComparison } from './baseline/parts.js';
import { compareDistinctKeys } from './distinct-keys-comparison.js';
import { compareHandOvers } from './hand-over-comparison.js';
import { compareHotKey } from './hot-key-comparison.js';
import { compareLeases } from './leases-comparison.js';
import { installRivals } from './rivals.js';
import { Servers } from './servers.js';

const PARTS = {
  'distinct-keys': compareDistinctKeys,
  'hot-key': compareHotKey,
  'hand-over': compareHandOvers,
  leases: compareLeases,
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    baseline: { type: 'string' },
  },
});
const hasRivals = values.baseline === undefined;
const { parts, notes } =
  values.baseline === undefined ? { parts: PARTS, notes: [] } : baselineComparison(values.baseline);
const chosen = Object.entries(parts).filter(([name]) => values.only === undefined || values.only === name);
if (chosen.length === 0) throw new Error(`--only takes one of ${Object.keys(parts).join(', ')}`);

if (hasRivals) installRivals();
const servers = await Servers.start({ wantsRedis: hasRivals });
try {
  console.log([await servers.versions(), ...notes].join('\n'));
  for (const [, compare] of chosen) await compare(servers, values.quick);
} finally {
  await servers.stop();
}
