import type { RecordOptions } from '../records/record.options.js';
import type { TickOptions } from '../tick.options.js';

/**
 * The options of a tick's claim. A recorded tick is claimed with the defaults: after a crash the record
 * decides.
 */
export function claimOptions(tick: TickOptions | RecordOptions): TickOptions {
  return tick.tick === 'record' ? {} : tick;
}
