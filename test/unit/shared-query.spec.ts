import { describe, expect, it } from '@jest/globals';
import { SharedQuery } from '../../lib/nest/shared-query.js';
import { within } from '../../lib/nest/within.js';

describe('a shared query', () => {
  it('is sent once at a time, and once in its time, also when it fails', async () => {
    let sent = 0;
    const query = new SharedQuery(() => Promise.reject(new Error(String((sent += 1)))));
    await expect(Promise.all([query.get(60_000), query.get(60_000)])).rejects.toThrow('1');
    await expect(query.get(60_000)).rejects.toThrow('1');
    expect(sent).toBe(1);
    expect(query.latest).toBeUndefined();
    expect(query.ageMs).toBe(Infinity);
  });

  it('is sent again when the result is too old, but not while the last one is in flight', async () => {
    let sent = 0;
    const silent = new SharedQuery(() => new Promise<number>(() => (sent += 1)));
    await expect(within(silent.refresh(), 10)).rejects.toThrow(
      'The database has not responded within 10 ms.',
    );
    await expect(within(silent.get(0), 0, 10)).rejects.toThrow('within 10 ms');
    expect(sent).toBe(1);
    const query = new SharedQuery(() => Promise.resolve((sent += 1)));
    expect([await query.get(0), await query.get(0), await query.get(60_000)]).toEqual([2, 3, 3]);
    expect(query.latest).toBe(3);
  });
});
