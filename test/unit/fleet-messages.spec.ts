import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Statement } from '../../lib/core/index.js';
import { DroppedReports } from '../../lib/fleet/dropped-reports.js';
import { FleetSignatures } from '../../lib/fleet/fleet-signatures.js';
import { FleetMessages } from '../../lib/fleet/run/fleet-messages.js';

const CHANNEL = 'nestjs_advisory_lock_2';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Two processes whose lock sessions are connected by a server that sends at once. */
function connected(signatures?: FleetSignatures) {
  const heard: string[] = [];
  const dropped = new DroppedReports({ debug: () => undefined });
  const receiver = new FleetMessages(
    { backendPids: [2], server: {} } as unknown as ConstructorParameters<typeof FleetMessages>[0],
    dropped,
    signatures,
  );
  receiver.onMessage(({ message }) => {
    if ('id' in message) heard.push(message.id);
  });
  const session = { pids: [1], failures: 0 };
  const connect = () => {
    if (session.pids.length === 0) session.pids = [3];
  };
  const server = {
    listener: () => {
      connect();
      return Promise.resolve({});
    },
    query: ({ values = [] }: Statement) => {
      if (session.failures > 0) {
        session.failures -= 1;
        session.pids = [];
        return Promise.reject(new Error('The connection is lost.'));
      }
      connect();
      const [processId = 0] = session.pids;
      receiver.receive({ channel: CHANNEL, payload: String(values[1]), processId });
      return Promise.resolve([]);
    },
  };
  const runtime = {
    get backendPids() {
      return session.pids;
    },
    server,
  } as unknown as ConstructorParameters<typeof FleetMessages>[0];
  return { sender: new FleetMessages(runtime, dropped, signatures), session, heard, dropped };
}

describe('messages about runs', () => {
  it('are sent no faster than others read them', async () => {
    const { sender, heard, dropped } = connected();
    const ids = Array.from({ length: 230 }, (_, n) => `id-${n}`);
    const sent = Promise.all(ids.map((id) => sender.send(CHANNEL, { kind: 'run-begun', id })));
    await jest.advanceTimersByTimeAsync(0);
    expect(heard.length).toBeGreaterThanOrEqual(20);
    await jest.advanceTimersByTimeAsync(10_000);
    await sent;
    expect(heard).toEqual(ids);
    expect(dropped.count).toBe(0);
  });

  it('are signed for the session that sends them, when the first one was lost', async () => {
    const { sender, session, heard } = connected(new FleetSignatures('a secret'));
    session.failures = 1;
    // Time goes on while the sender pauses before its second attempt.
    jest.useRealTimers();
    await sender.send(CHANNEL, { kind: 'run-begun', id: 'after-loss' });
    expect(heard).toEqual(['after-loss']);
  });
});
