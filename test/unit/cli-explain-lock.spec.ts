import { describe, expect, it } from '@jest/globals';
import { describeEnding, describeFate, describeNow } from '../../lib/cli/describe-ending.js';
import { explainLock } from '../../lib/cli/explain-lock.js';
import type { LockStory } from '../../lib/cli/lock-story.js';
import type { InspectedBackend, InspectedLock } from '../../lib/inspection/inspected-lock.js';

const at = (hours: number, minutes: number, seconds: number): Date =>
  new Date(2026, 10, 22, hours, minutes, seconds);
const now = at(12, 3, 15);

const key = {
  id: '42',
  form: 'bigint',
  bigint: '42',
  pair: [0, 42],
  classid: 0,
  objid: 42,
  objsubid: 1,
} as const;

function backend(pid: number, more: Partial<InspectedBackend> = {}): InspectedBackend {
  return { pid, id: `${pid}@1`, user: 'shop', startedAt: at(11, 0, 0), clientAddress: '10.0.0.5', ...more };
}

function lock(more: Partial<InspectedLock>): InspectedLock {
  return { key, mode: 'exclusive', isGranted: true, scope: 'session', blockedBy: [], ...more };
}

const asKey: Partial<LockStory> = { label: 'the key 42', name: undefined };

function story(more: Partial<LockStory>): LockStory {
  return {
    label: '"daily-report"',
    name: 'daily-report',
    keyId: '42',
    permits: 1,
    now,
    holders: [],
    waiters: [],
    trying: [],
    prepared: [],
    otherLocks: [],
    asArguments: 'daily-report',
    ...more,
  };
}

/** An instance of this library that has replied. */
const web1 = lock({
  instance: 'web-1:4711',
  heldMs: 192_000,
  callsWaiting: 3,
  backend: backend(101, {
    applicationName: 'nestjs-advisory-lock web-1:4711',
    clientPort: 50_123,
    state: 'idle',
    stateChangedAt: at(12, 3, 14),
  }),
});
const psql = lock({
  backend: backend(102, { applicationName: 'psql', state: 'idle', stateChangedAt: at(12, 0, 3) }),
});

const held = (more: Partial<InspectedBackend>, others: Partial<InspectedLock> = {}): string =>
  explainLock(
    story({
      holders: [
        { key, mode: 'exclusive', isGranted: true, blockedBy: [], backend: backend(103, more), ...others },
      ],
    }),
  );

describe('why', () => {
  it('shows which instance holds a lock, since when, and its waiters', () => {
    const waiters = [
      lock({
        isGranted: false,
        instance: 'web-2:4711',
        callsWaiting: 1,
        backend: backend(201, { clientAddress: '10.0.0.6' }),
        waitingMs: 63_000,
        waitingSince: at(12, 2, 12),
        blockedBy: [101],
      }),
      lock({
        isGranted: false,
        mode: 'shared',
        backend: backend(202, { applicationName: 'psql', clientAddress: '::1', clientPort: 5 }),
        blockedBy: [101, 201, 999],
      }),
    ];
    expect(explainLock(story({ holders: [web1], waiters, otherLocks: [web1] }))).toBe(
      [
        '"daily-report" is held by web-1:4711, and 2 wait for it.',
        'Its key is 42.',
        '',
        'web-1:4711 has held it exclusively since 12:00:03 (3m 12s).',
        'Its connection is the backend with the pid 101, application "nestjs-advisory-lock ' +
          'web-1:4711", user "shop", from 10.0.0.5:50123, open since 11:00:00 (1h 3m).',
        'It has been idle since 12:03:14 (1s).',
        'It is a session lock: it lasts until it is released, or the connection ends. The connection ' +
          'has 1 other lock as well.',
        'Inside that instance, 3 calls wait for it.',
        '',
        'The queue, the next waiter first:',
        '1. web-2:4711 (pid 201), user "shop", from 10.0.0.6, has waited since 12:02:12 (1m 3s) to ' +
          'hold it exclusively, behind web-1:4711. Inside that instance, 1 call waits for it.',
        '2. psql (pid 202), user "shop", from [::1]:5, has waited for a moment to hold it shared, ' +
          'behind web-1:4711, web-2:4711 and the backend 999.',
        '',
        "To end the holder's connection, with all locks that it has: nestjs-advisory-lock kill daily-report",
      ].join('\n'),
    );
  });

  it('says that a lock is free, and what to check if that is surprising', () => {
    expect(explainLock(story({}))).toBe(
      [
        '"daily-report" is free: no one holds it, and no one waits for it.',
        'Its key is 42.',
        '',
        'If an application does hold a lock of that name, it uses another key: see --namespace, ' +
          '--scheme and --permits.',
      ].join('\n'),
    );
    expect(explainLock(story({ ...asKey }))).toBe(
      'The key 42 is free: no one holds it, and no one waits for it.',
    );
  });

  it('lists all readers, and how to end one', () => {
    const readers = [
      { ...web1, mode: 'shared' as const },
      { ...psql, mode: 'shared' as const },
    ];
    const text = explainLock(story({ holders: readers }));
    expect(text).toContain('"daily-report" is held shared by web-1:4711 and psql, and no one waits for it.');
    expect(text).toContain('psql has held it shared for at least');
    expect(text).toContain('To end the connection of one holder, with all locks that it has:');
    expect(text).toContain('nestjs-advisory-lock kill daily-report --pid 101');
  });

  it('counts permits', () => {
    const waiters = [lock({ instance: 'web-3:1', backend: backend(301) })];
    const text = explainLock(story({ permits: 3, holders: [web1, psql], waiters }));
    expect(text).toContain(
      '2 of the 3 permits of "daily-report" are held, by web-1:4711 and psql, and 1 waits for one.',
    );
    expect(text).toContain('The key of its first permit is 42.');
    expect(text).toContain(
      '1. web-3:1 (pid 301), user "shop", from 10.0.0.5, has the turn to take a permit.',
    );
  });

  it('names the tool that a key belongs to', () => {
    const holders = [lock({ ...psql, tool: 'Prisma Migrate' })];
    expect(explainLock(story({ holders }))).toContain('Its key is 42, the key of Prisma Migrate.');
    expect(explainLock(story({ holders, ...asKey }))).toMatch(
      /^The key 42 is held by psql, .*\nIt is the key of Prisma Migrate\.\n/,
    );
  });

  it('explains a prepared transaction, which no kill ends', () => {
    const holders = [lock({ scope: 'transaction' })];
    const prepared = [{ gid: "left 'over'", owner: 'shop', preparedAt: new Date(2026, 10, 20, 12, 3, 15) }];
    const waiters = [lock({ ...psql, isGranted: false, blockedBy: [0] })];
    const text = explainLock(story({ holders, prepared, waiters }));
    expect(text).toContain('"daily-report" is held by a prepared transaction, and 1 waits for it.');
    expect(text).toContain(
      'holds it for at least 2d: it was prepared at 2026-11-20 12:03:15.\n' +
        'It has no connection, and survives restarts',
    );
    expect(text).toContain('behind a prepared transaction.');
    expect(text).toContain("ROLLBACK PREPARED 'left ''over''', in this database.");
    expect(text).not.toContain('nestjs-advisory-lock kill');
  });

  describe('is honest about an unknown start of a hold', () => {
    it('and a connection idles', () => {
      const text = explainLock(story({ holders: [psql] }));
      expect(text).toContain(
        'psql has held it exclusively for at least 3m 12s: its connection has been idle since 12:00:03.',
      );
      expect(text).not.toContain('It has been idle');
    });

    it('and a connection idles in a transaction', () => {
      const text = held({
        state: 'idle in transaction (aborted)',
        stateChangedAt: at(12, 3, 0),
        transactionStartedAt: at(12, 1, 0),
      });
      expect(text).toContain('for at least 15s');
      expect(text).toContain(
        'It has been idle since 12:03:00 (15s) in a transaction that has failed, begun at 12:01:00.\n' +
          'It is in a transaction, so Postgres does not say whether',
      );
    });

    it('and a statement runs, which may be the one that took it', () => {
      const text = held({ applicationName: 'psql', state: 'active', stateChangedAt: at(12, 3, 0) });
      expect(text).toContain(
        'psql has held it exclusively for at most 1h 3m, since its connection was opened.',
      );
      expect(text).toContain('It has been running a statement since 12:03:00 (15s).');
    });

    it('and an instance did not reply, whose connection never idles for long', () => {
      const text = held(
        {
          applicationName: 'nestjs-advisory-lock web-1:1',
          state: 'idle',
          stateChangedAt: at(12, 3, 14),
        },
        { instance: 'web-1:1' },
      );
      expect(text).toContain(
        'for at most 1h 3m, since its connection was opened. Only the instance itself knows since ' +
          'when exactly, and it did not respond.',
      );
    });

    it('and nothing may be seen', () => {
      const text = explainLock(
        story({ holders: [lock({ backend: { pid: 103, applicationName: 'psql' } })] }),
      );
      expect(text).toContain(
        'psql has held it exclusively; since when cannot be seen without the role ' +
          'pg_read_all_stats.\nIts connection is the backend with the pid 103, application "psql".\n' +
          'It is a session lock',
      );
    });
  });

  it('shows an instance that waits without a place in the queue', () => {
    const trying = [{ instance: 'web-3:1', calls: 2, waitedMs: 63_000 }];
    const text = explainLock(story({ holders: [psql], trying }));
    expect(text).toContain('"daily-report" is held by psql, and 1 waits for it.');
    expect(text).toContain(
      'Inside web-3:1, 2 calls wait without a place in the queue, the first for 1m 3s: it tries ' +
        'again and again.',
    );
  });

  it('points at a lock of that name in a namespace', () => {
    const otherLocks = [lock({ name: 'shop:daily-report' }), lock({ name: 'other' })];
    expect(explainLock(story({ otherLocks }))).toContain(
      'There is "shop:daily-report", though, which is another key: see --namespace.',
    );
  });

  it('lets no application write on the terminal', () => {
    const text = held({ applicationName: 'a\u009B2J', user: 'b\n' });
    expect(text).toContain(`application "a\uFFFD2J", user "b\uFFFD"`);
  });
});

describe('kill', () => {
  const other = (name: string) => lock({ ...web1, name });

  it('names the victim, and other consequences', () => {
    expect(
      describeEnding(web1, story({ holders: [web1], otherLocks: [other('mail'), other('import')] })),
    ).toBe(
      [
        'This ends the connection of web-1:4711 (pid 101), user "shop", from 10.0.0.5:50123, which ' +
          'holds "daily-report".',
        'web-1:4711 has held it exclusively since 12:00:03 (3m 12s).',
        'It frees 2 other locks of that connection too: mail, import.',
      ].join('\n'),
    );
  });

  it('does not list hundreds', () => {
    const otherLocks = Array.from({ length: 300 }, (_, n) => other(`order:${n}`));
    expect(describeEnding(web1, story({ holders: [web1], otherLocks }))).toContain(
      '300 other locks of that connection too: order:0, order:1, order:2, order:3, order:4 and 295 more.',
    );
  });

  it('says what has become of each', () => {
    expect(describeFate(web1, 'ended', story({}), 'it hangs')).toBe(
      'web-1:4711 (pid 101) was ended: it hangs.',
    );
    expect(describeFate(web1, 'ended', story({}))).toBe('web-1:4711 (pid 101) was ended.');
    expect(describeFate(web1, 'changed', story({}))).toContain('does not hold "daily-report" any more');
    expect(describeFate(web1, 'stays', story({}))).toContain(
      'was asked to end, but still holds "daily-report"',
    );
    expect(describeFate(web1, 'forbidden', story({}))).toContain('GRANT pg_signal_backend');
  });

  it('shows the deadlock that the waits are', () => {
    const deadlock = [
      { instance: 'web-1', waitsFor: 'daily-report', holds: ['import'] },
      { instance: 'web-2', waitsFor: 'import', holds: ['daily-report'], requestedBy: 'Reports.make' },
    ];
    expect(explainLock(story({ holders: [web1], deadlock }))).toContain(
      'The waits are a deadlock:\n' +
        'A call in web-1, inside "import", waits for "daily-report"; ' +
        'Reports.make in web-2, inside "daily-report", waits for "import".',
    );
    expect(explainLock(story({ holders: [web1] }))).not.toContain('deadlock');
  });

  it('names the next holder', () => {
    expect(describeNow(story({}))).toBe('"daily-report" is free: no one holds it.');
    expect(describeNow(story({ label: 'the key 42', holders: [psql] }))).toBe(
      'The key 42 is held by psql (pid 102).',
    );
  });
});
