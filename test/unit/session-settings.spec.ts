import { describe, expect, it } from '@jest/globals';
import { sessionSettings } from '../../lib/core/index.js';

const server = {
  backendPid: 1,
  version: 'PostgreSQL 18.4 on x86_64-pc-linux-gnu',
  versionNumber: 180_004,
  isInRecovery: false,
};

describe('the settings of a lock connection', () => {
  it.each([
    [100, 101],
    [100, 500],
    [100, 60_000],
    [1_999, 2_000],
    [7_000, 25_000],
    [3_600_000 - 1, 3_600_000],
  ])('keep a vanished client no shorter than it counts on its locks: %i, %i', (heartbeatMs, lostAfterMs) => {
    const settings = sessionSettings({ heartbeatMs, lostAfterMs }, server);
    const seconds = (name: string): number => Number(settings.get(`tcp_keepalives_${name}`));
    const freedAfterMs = 1_000 * (seconds('idle') + seconds('interval') * seconds('count'));
    expect(freedAfterMs).toBeGreaterThanOrEqual(lostAfterMs);
    // And not for hours.
    expect(freedAfterMs).toBeLessThanOrEqual(3 * lostAfterMs + 3_000);
    expect(Number(settings.get('tcp_user_timeout'))).toBeGreaterThanOrEqual(lostAfterMs);
  });
});
