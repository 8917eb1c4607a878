import { describe, expect, it } from '@jest/globals';
import type { ModuleMetadata } from '@nestjs/common';
import {
  AdvisoryLockModule,
  type AdvisoryLockModuleOptions,
  AdvisoryLockService,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { freePort } from '../../sample-app/postgres/server.js';
import { closeAfterTest } from '../faults/support/close-after-test.js';
import { describeWith } from '../faults/support/describe-with.js';
import { startPgBouncer } from '../faults/support/pgbouncer.js';
import { useTestDatabase } from '../support/test-database.js';
import { bootstrapError, postgres, start } from './support/applications.js';

const database = useTestDatabase();

const locked = (options?: AdvisoryLockModuleOptions): ModuleMetadata => ({
  imports: [postgres(database), AdvisoryLockModule.forRoot(options)],
});

/** A port without a server. */
const deadServer = async () => ({
  connectionOptions: { url: `postgres://nobody@127.0.0.1:${await freePort()}/nothing` },
});

describe('the start of an application', () => {
  it('says in one line what the locks rest on', async () => {
    const { log } = await start(locked({ maxConnections: 3 }));
    expect(log.matching(/\[AdvisoryLockModule\]/)).toEqual([
      expect.stringMatching(
        /^log .* PostgreSQL \d+\.\d+.*, 1 of 3 lock connections open, no pooler, room for \d+ more locks, its clock is \d+ ms (ahead|behind)$/,
      ),
    ]);
  });

  it('says it for each module', async () => {
    const { log } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive', maxConnections: 2 }),
      ],
    });
    const lines = log.matching(/^log \[AdvisoryLockModule\].* lock connections open/);
    expect(lines).toHaveLength(2);
    expect(lines).toEqual(
      expect.arrayContaining([expect.stringContaining('of 4'), expect.stringContaining('of 2')]),
    );
  });

  it('warns of a lock in a decorator that has the key of another tool', async () => {
    class Migrations {
      @WithAdvisoryLock(72707369)
      async migrate(): Promise<void> {
        await Promise.resolve();
      }
    }
    const { log } = await start({ ...locked(), providers: [Migrations] });
    expect(log.matching(/^warn \[AdvisoryLockModule\]/)).toEqual([
      expect.stringContaining('has the key 72707369, which Prisma Migrate uses, too'),
    ]);
  });

  it('goes on with a database that is away, and says so in full', async () => {
    const { app, log } = await start(locked(await deadServer()));
    expect(log.matching(/^warn \[AdvisoryLockModule\]/)).toEqual([
      expect.stringContaining('ECONNREFUSED'),
      expect.stringContaining('In full: {"isHealthy":false,"problems":[{"code":"UNREACHABLE"'),
    ]);
    await expect(app.get(AdvisoryLockService).withLock('import', () => 1)).rejects.toMatchObject({
      code: 'LOCK_CONNECTION',
    });
  });

  it('fails on problems where it is configured to', async () => {
    const error = await bootstrapError(locked({ ...(await deadServer()), failOnProblems: true }));
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toMatch(/failOnProblems.*ECONNREFUSED/);
  });

  it('does not fail without problems where it is configured to fail on them', async () => {
    const { app, log } = await start(locked({ failOnProblems: true }));
    expect(await app.get(AdvisoryLockService).diagnose()).toMatchObject({ isHealthy: true });
    expect(log.matching(/^warn/)).toEqual([]);
  });
});

describeWith('pgbouncer', 'the start of an application behind PgBouncer', () => {
  it('says what was found, what it costs and what avoids it, and is no problem', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction' }));
    const { log } = await start(locked({ connectionOptions: { url: bouncer.url }, failOnProblems: true }));
    expect(log.matching(/^log \[AdvisoryLockModule\]/)).toEqual([
      expect.stringContaining('through a pooler'),
    ]);
    expect(log.matching(/^warn \[AdvisoryLockModule\]/)).toEqual([
      expect.stringMatching(/pooler.*one open transaction.*connectionOptions/),
    ]);
  });
});
