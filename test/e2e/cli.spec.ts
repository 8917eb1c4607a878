import { describe, expect, it } from '@jest/globals';
import { hostname } from 'node:os';
import { applicationNameOf, defaultInstanceName } from '../../lib/core/index.js';
import { freePort } from '../../sample-app/postgres/server.js';
import { isRunning } from '../support/is-running.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { type CliOutcome, type CliProcess, startCli } from './support/cli-process.js';

const database = useTestDatabase();

const start = (...args: string[]): CliProcess => startCli(args, { DATABASE_URL: database.url });
const outcomeOf = (...args: string[]): Promise<CliOutcome> => start(...args).outcome;

/** A command that says its pid and runs until its input ends. */
const WORK = "console.log('working as', process.pid, '.'); process.stdin.resume();";
const command = (script = WORK): string[] => ['--', process.execPath, '-e', script];

/** Runs it, and waits until its command is at work. */
async function work(options: string[], script?: string): Promise<CliProcess> {
  const running = start('run', ...options, ...command(script));
  await running.says('working as');
  return running;
}

const workerPid = (running: CliProcess): number => Number(/working as (\d+)/.exec(running.printed())?.[1]);

const holders = async (): Promise<number> =>
  (await database.advisoryLocks()).filter(({ granted }) => granted).length;
const waiters = async (): Promise<number> =>
  (await database.advisoryLocks()).filter(({ granted }) => !granted).length;

describe('run', () => {
  it('runs the command while it alone holds the lock', async () => {
    const first = await work(['import']);
    expect(await holders()).toBe(1);

    expect(await outcomeOf('run', 'import', ...command())).toEqual({
      status: 75,
      stdout: '',
      stderr: 'nestjs-advisory-lock: The lock "import" is held by another holder; --wait waits for it.\n',
    });

    first.endInput();
    expect((await first.outcome).status).toBe(0);
    expect(await holders()).toBe(0);
  });

  it('waits for a busy lock', async () => {
    const first = await work(['import']);
    const second = start('run', 'import', '--wait', '1m', ...command());
    await until(async () => (await waiters()) === 1, 'the second waits');
    expect(second.printed()).toBe('');

    first.endInput();
    await second.says('working as');
    second.endInput();
    expect((await second.outcome).status).toBe(0);
  });

  it('says that it is busy when it has waited for long enough', async () => {
    await work(['import']);

    const { status, stdout, stderr } = await outcomeOf('run', 'import', '--wait', '100ms', ...command());
    expect({ status, stdout }).toEqual({ status: 75, stdout: '' });
    expect(stderr).toContain('stayed busy for the 100 ms');
  });

  it('lets readers in together, and no writer', async () => {
    await work(['report', '--mode', 'shared']);
    await work(['report', '--mode', 'shared']);

    expect((await outcomeOf('run', 'report', ...command())).status).toBe(75);
  });

  it('lets as many in as there are permits', async () => {
    await work(['mail', '--permits', '2']);
    await work(['mail', '--permits', '2']);

    expect((await outcomeOf('run', 'mail', '--permits', '2', ...command())).status).toBe(75);
    expect((await outcomeOf('run', 'mail', '--permits', '2', '--wait', '200ms', ...command())).status).toBe(
      75,
    );
  });

  it.each(['sha256', 'md5-31'] as const)(
    'meets an application by namespace and scheme %s',
    async (keyScheme) => {
      const { service } = createLocks(database.url, { namespace: 'shop', keyScheme });
      const lock = await service.acquire('import');
      const options = ['import', '--namespace', 'shop', '--scheme', keyScheme];

      expect((await outcomeOf('run', ...options, ...command())).status).toBe(75);
      await lock.release();
      await work(options);
      expect(await service.tryAcquire('import')).toBeUndefined();
    },
  );

  it('shows in pg_stat_activity which lock it is for', async () => {
    const running = await work(['import']);
    expect(await database.connections()).toEqual([
      expect.objectContaining({
        applicationName: `nestjs-advisory-lock run import ${hostname()}:${running.pid}`,
      }),
    ]);
  });

  it('finds the database by the PG* variables', async () => {
    const { hostname, port, username, password, pathname } = new URL(database.url);
    const running = startCli(['run', 'import', ...command()], {
      DATABASE_URL: '',
      PGHOST: hostname,
      PGPORT: port,
      PGUSER: username,
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: pathname.slice(1),
    });
    await running.says('working as');
    expect(await holders()).toBe(1);
  });

  describe('ends with the status', () => {
    it('of the command, which gets its arguments as they are', async () => {
      const script = 'console.log(process.argv.slice(1)); console.error("aside"); process.exitCode = 3';
      const running = start('run', 'import', ...command(script), '--', '--wait', 'a b');
      expect(await running.outcome).toEqual({
        status: 3,
        stdout: "[ '--wait', 'a b' ]\n",
        stderr: 'aside\n',
      });
    });

    it('64 for wrong arguments', async () => {
      const { status, stderr } = await outcomeOf('run', 'import');
      expect(status).toBe(64);
      expect(stderr).toContain('The command is missing: it must follow `--`.');
    });

    it('128 + n when signal n has ended the command', async () => {
      const { status } = await outcomeOf('run', 'import', ...command("process.kill(process.pid, 'SIGKILL')"));
      expect(status).toBe(137);
    });

    it('127 for a command that is not found, 126 for one that cannot be run', async () => {
      expect(await outcomeOf('run', 'import', '--', '/does/not/exist')).toMatchObject({
        status: 127,
        stderr: expect.stringContaining('"/does/not/exist" could not be started') as unknown,
      });
      expect((await outcomeOf('run', 'import', '--', '/')).status).toBe(126);
    });

    it('69 when the database cannot be reached', async () => {
      const running = startCli(['run', 'import', ...command()], {
        DATABASE_URL: `postgres://nobody@127.0.0.1:${await freePort()}/nothing`,
      });
      expect(await running.outcome).toEqual({
        status: 69,
        stdout: '',
        stderr: expect.stringContaining('the database could not be reached') as unknown,
      });
    });
  });

  describe('when the lock is lost', () => {
    it('ends the command, and says so by its status', async () => {
      const running = await work(
        ['import'],
        `process.on('SIGTERM', () => { console.log('asked to end'); process.exit(0); }); ${WORK}`,
      );
      await terminateHolders(database);

      const { status, stdout, stderr } = await running.outcome;
      expect(status).toBe(76);
      expect(stdout).toContain('asked to end');
      expect(stderr).toMatch(/The lock is lost: the command is ended\.\n.*The lock "import" .* was lost/);
    });

    it('makes a command end that does not want to', async () => {
      const running = await work(
        ['import', '--kill-after', '100ms'],
        `process.on('SIGTERM', () => console.log('no')); ${WORK}`,
      );
      await terminateHolders(database);

      expect((await running.outcome).status).toBe(76);
      expect(running.printed()).toContain('no');
      expect(isRunning(workerPid(running))).toBe(false);
    });

    it('ends what a shell has started too', async () => {
      const script = "console.log('working'); setTimeout(() => console.log('to its end'), 20_000);";
      const shellLine = '"$0" -e "$1"; echo and more';
      const running = start('run', 'import', '--', 'sh', '-c', shellLine, process.execPath, script);
      await running.says('working');
      await terminateHolders(database);

      const { status, stdout } = await running.outcome;
      expect({ status, stdout }).toEqual({ status: 76, stdout: 'working\n' });
    });
  });

  describe('signals', () => {
    it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)(
      '%s is passed on to the command, which decides what to do',
      async (signal) => {
        const running = await work(
          ['import'],
          `process.on('${signal}', () => { console.log('got it'); process.exit(7); }); ${WORK}`,
        );
        running.kill(signal);

        const { status, stdout } = await running.outcome;
        expect(status).toBe(7);
        expect(stdout).toContain('got it');
      },
    );

    it('that end the command show in the status', async () => {
      const running = await work(['import']);
      running.kill('SIGTERM');
      expect((await running.outcome).status).toBe(143);
    });

    it('end the wait, and nothing is started', async () => {
      await work(['import']);
      const second = start('run', 'import', '--wait', 'forever', ...command());
      await until(async () => (await waiters()) === 1, 'the second waits');
      second.kill('SIGINT');

      expect(await second.outcome).toMatchObject({ status: 130, stdout: '' });
      expect(await waiters()).toBe(0);
    });
  });
});

describe('key', () => {
  it.each(['sha256', 'md5-31'] as const)('prints SQL that meets the library by %s', async (keyScheme) => {
    const name = "l'été 🌍";
    const { stdout } = await outcomeOf('key', name, '--namespace', 'shop', '--scheme', keyScheme, '--json');
    const { key, fullName, sql } = JSON.parse(stdout) as {
      key: string;
      fullName: string;
      sql: Record<'key' | 'tryLock' | 'holders', { statement: string }>;
    };
    const lock = await createLocks(database.url, { namespace: 'shop', keyScheme }).service.acquire(name);

    expect(fullName).toBe(`shop:${name}`);
    expect(lock.key.id).toBe(key);
    expect(Object.values((await database.query(sql.key.statement))[0] ?? {})).toEqual([key]);
    expect(await database.query(sql.tryLock.statement)).toEqual([{ pg_try_advisory_lock: false }]);
    expect(await database.query(sql.holders.statement)).toEqual([
      expect.objectContaining({ application_name: applicationNameOf(defaultInstanceName()), granted: true }),
    ]);
  });

  it('prints the keys of a name by all schemes, with those that the server computes', async () => {
    const { status, stdout } = await outcomeOf('key', 'nightly-report', '--all-schemes');
    expect(status).toBe(0);
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining([
        'sha256              7440995589958059143',
        'advisory-lock       (280642407, -2017152350)',
        'medusa              4157621263',
        'hashtext            759228614',
      ]),
    );
    const withoutDatabase = await startCli(['key', "l'été", '--all-schemes'], {}).outcome;
    expect(withoutDatabase.stdout).toContain("computed by the server: SELECT hashtext('l''été')");
  });

  it('needs no database', async () => {
    const { status, stdout } = await startCli(['key', 'nightly-report', '--json'], {
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
    }).outcome;
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'nightly-report',
      key: '7440995589958059143',
      hex: '0x6743ba10a2b2c487',
      pgLocks: { classid: 0x6743ba10, objid: 0xa2b2c487, objsubid: 1 },
    });
  });
});

describe('doctor', () => {
  it('finds nothing wrong with a good server', async () => {
    const { status, stdout } = await outcomeOf('doctor');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^PostgreSQL \d+\.\d+.*, no pooler, .*\nNo problems\.\n$/);
    expect(stdout).toMatch(/, a process may hold \d+ locks\n/);
  });

  it('prints everything as JSON', async () => {
    const { stdout } = await outcomeOf('doctor', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      isHealthy: true,
      problems: [],
      server: { exclusion: 'proven' },
    });
  });

  it('reports by its status that there is no server', async () => {
    const env = { DATABASE_URL: `postgres://nobody@127.0.0.1:${await freePort()}/nothing` };
    const { status, stdout } = await startCli(['doctor'], env).outcome;
    expect(status).toBe(1);
    expect(stdout).toMatch(/^UNREACHABLE: /);

    const inJson = await startCli(['doctor', '--json'], env).outcome;
    expect(inJson.status).toBe(1);
    expect(JSON.parse(inJson.stdout)).toMatchObject({
      isHealthy: false,
      problems: [{ code: 'UNREACHABLE' }],
    });
  });
});

describe('a DATABASE_URL', () => {
  it('may be in capitals, and have the longer scheme', async () => {
    const url = database.url.replace(/^postgres(ql)?:/, 'PostgreSQL:');
    expect((await startCli(['list'], { DATABASE_URL: url }).outcome).status).toBe(0);
  });
});

describe('what is printed of names', () => {
  const HOSTILE = 'a\nb\x1B[2J\u202Ec\u2028d';
  const UNSAFE = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u;

  it('is the same value in JSON and in SQL', async () => {
    const [text, json] = await Promise.all(
      [[], ['--json']].map((args) => start('key', HOSTILE, ...args).outcome),
    );
    expect(`${text?.stdout}${json?.stdout}`).not.toMatch(UNSAFE);
    const { name, key, sql } = JSON.parse(json?.stdout ?? '') as {
      name: string;
      key: string;
      sql: { key: { statement: string } };
    };
    expect(name).toBe(HOSTILE);
    const [row] = await database.query<Record<string, string>>(sql.key.statement);
    expect(Object.values(row ?? {})).toEqual([key]);
  });
});
