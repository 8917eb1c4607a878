import { beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  AdvisoryLockModule,
  AdvisoryLockService,
  type BusyContext,
  LockUnavailableError,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { isHeld, lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, postgres, start } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

let busyContext: BusyContext | undefined;
const refusal = new Error('refused in my own words');

@Injectable()
class Service {
  ran: unknown[] = [];
  gate = new Gate();

  constructor(readonly locks: AdvisoryLockService) {}

  @WithAdvisoryLock('busy')
  async throws(): Promise<string> {
    return this.body();
  }

  @WithAdvisoryLock('busy', { onBusy: 'skip' })
  async skips(): Promise<string | undefined> {
    return this.body();
  }

  @WithAdvisoryLock((id: string) => `busy:${id}`, {
    httpStatus: 423,
    onBusy: (context) => {
      busyContext = context;
      return `${context.args[0]} later`;
    },
  })
  async supplies(id: string): Promise<string> {
    return `${id} ${await this.body()}`;
  }

  @WithAdvisoryLock('busy', { onBusy: ({ methodName }) => Promise.resolve(methodName) })
  async suppliesAsync(): Promise<string> {
    return this.body();
  }

  @WithAdvisoryLock('busy', {
    onBusy: () => {
      throw refusal;
    },
  })
  async refuses(): Promise<string> {
    return this.body();
  }

  @WithAdvisoryLock([7, -7], { onBusy: ({ lockName }) => lockName })
  async tellsAPair(): Promise<string> {
    return this.body();
  }

  @WithAdvisoryLock('thrown')
  async rejectsWith(error: unknown): Promise<never> {
    await this.body();
    throw error;
  }

  @WithAdvisoryLock('thrown')
  throwsAtOnce(error: unknown): Promise<never> {
    throw error;
  }

  @WithAdvisoryLock((name: string | number | bigint | readonly [number, number]) => name)
  async named(name: string | number | bigint | readonly [number, number]): Promise<unknown[]> {
    await this.body();
    return [name, this.locks.current()?.key.id];
  }

  @WithAdvisoryLock((...args: unknown[]) => {
    throw Object.assign(refusal, { args });
  })
  async unnameable(...args: unknown[]): Promise<unknown[]> {
    await this.body();
    return args;
  }

  @WithAdvisoryLock('outer')
  async outer(): Promise<(string | undefined)[]> {
    return [this.locks.current()?.name, ...(await this.inner()), this.locks.current()?.name];
  }

  @WithAdvisoryLock('inner')
  async inner(): Promise<(string | undefined)[]> {
    this.locks.assertHeld('inner');
    return Promise.resolve([this.locks.current()?.name, this.locks.current('outer')?.name]);
  }

  @WithAdvisoryLock('depth', { reentry: 'join' })
  async factorial(n: number): Promise<number> {
    this.locks.assertHeld('depth');
    return n <= 1 ? 1 : n * (await this.factorial(n - 1));
  }

  @WithAdvisoryLock('depth')
  async twice(): Promise<number[]> {
    return Promise.all([this.factorial(3), this.factorial(4)]);
  }

  @WithAdvisoryLock('first')
  @WithAdvisoryLock((id: string) => `second:${id}`)
  @WithAdvisoryLock(3)
  async three(id: string): Promise<boolean[]> {
    this.locks.assertHeld(3);
    await this.body();
    return [await isHeld(database, 'first'), await isHeld(database, `second:${id}`)];
  }

  @WithAdvisoryLock('depth', { onBusy: 'skip', waitMs: Infinity })
  async entersItself(): Promise<void> {
    this.ran.push(1);
    await this.entersItself();
  }

  @WithAdvisoryLock('same')
  @WithAdvisoryLock('same', { reentry: 'join' })
  async same(): Promise<boolean> {
    return isHeld(database, 'same');
  }

  @WithAdvisoryLock('gate')
  async waits(): Promise<string> {
    await this.gate.pass();
    return 'done';
  }

  /** Returns without waiting for what it has started. */
  @WithAdvisoryLock('left')
  async leavesBehind(gate: Gate): Promise<{ promise: Promise<unknown> }> {
    const promise = gate.pass().then(() => {
      this.locks.assertHeld('left');
    });
    promise.catch(() => undefined);
    return Promise.resolve({ promise });
  }

  private async body(): Promise<string> {
    this.ran.push(1);
    return Promise.resolve('ran');
  }
}

let service: Service;

beforeAll(async () => {
  const { app } = await start(lockedApp(database, { providers: [Service] }));
  service = app.get(Service);
});

async function runsOf(action: () => Promise<unknown>): Promise<number> {
  service.ran = [];
  await action();
  return service.ran.length;
}

describe('a busy lock of a method', () => {
  it('is thrown', async () => {
    await lockInOtherSession(database, 'busy');
    const calls = await runsOf(async () => {
      const error: unknown = await service.throws().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LockUnavailableError);
      expect(error).toMatchObject({ code: 'LOCK_UNAVAILABLE', lockName: 'busy' });
    });
    expect(calls).toBe(0);
  });

  it('is an undefined with onBusy skip', async () => {
    await lockInOtherSession(database, 'busy');
    const calls = await runsOf(async () => {
      expect(await service.skips()).toBeUndefined();
    });
    expect(calls).toBe(0);
  });

  it('is what the onBusy function supplies', async () => {
    await lockInOtherSession(database, 'busy');
    const calls = await runsOf(async () => {
      expect(await service.suppliesAsync()).toBe('suppliesAsync');
      await expect(service.refuses()).rejects.toBe(refusal);
    });
    expect(calls).toBe(0);
  });

  it('is passed to the onBusy function with the context', async () => {
    await lockInOtherSession(database, 'busy:1');
    expect(await service.supplies('1')).toBe('1 later');
    expect(busyContext).toMatchObject({ lockName: 'busy:1', args: ['1'], methodName: 'supplies' });
    expect(busyContext?.instance).toBe(service);
    expect(busyContext?.error).toMatchObject({
      code: 'LOCK_UNAVAILABLE',
      lockName: 'busy:1',
      http: { httpStatus: 423 },
    });
  });

  it('is named by the text of a key that is no string', async () => {
    await database.query('SELECT pg_advisory_lock(7, -7)');
    try {
      expect(await service.tellsAPair()).toBe('(7, -7)');
    } finally {
      await database.query('SELECT pg_advisory_unlock(7, -7)');
    }
  });

  it('is busy for a second call in the same process as well', async () => {
    const first = service.waits();
    await service.gate.reached;
    await expect(service.waits()).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    service.gate.open();
    expect(await first).toBe('done');
  });

  it('does not keep the method from running when it is free', async () => {
    const calls = await runsOf(async () => {
      expect(await service.throws()).toBe('ran');
      expect(await service.skips()).toBe('ran');
      expect(await service.supplies('1')).toBe('1 ran');
      expect(await service.refuses()).toBe('ran');
    });
    expect(calls).toBe(4);
  });
});

describe('what the body throws', () => {
  it.each([
    ['an error', new Error('mine')],
    ['an error of this library', new LockUnavailableError('another lock')],
    ['no error at all', 'a string'],
    ['nothing', undefined],
  ])('passes untouched, and the lock is free: %s', async (_, thrown) => {
    const caught = (promise: Promise<unknown>) =>
      promise.then(
        () => 'nothing was thrown',
        (error: unknown) => [error],
      );
    expect(((await caught(service.rejectsWith(thrown))) as unknown[])[0]).toBe(thrown);
    expect(((await caught(service.throwsAtOnce(thrown))) as unknown[])[0]).toBe(thrown);
    expect(await isHeld(database, 'thrown')).toBe(false);
  });
});

describe('a name function', () => {
  it.each([
    [42, '42'],
    [-42n, '-42'],
    [[1, 2] as const, '(1, 2)'],
  ])('may return a key: %p', async (name, id) => {
    expect(await service.named(name)).toEqual([name, id]);
  });

  it.each([
    ['an empty string', ''],
    ['a fraction', 0.5],
    ['a bigint of more than 64 bits', 2n ** 63n],
    ['a pair of more than 32 bits', [1, 2 ** 31]],
    ['undefined', undefined],
    ['null', null],
    ['an object', {}],
    ['a promise', Promise.resolve('a')],
  ])('that returns %s makes the call reject before the body', async (_, name) => {
    const calls = await runsOf(() =>
      expect(service.named(name as string)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' }),
    );
    expect(calls).toBe(0);
  });

  it('that throws makes the call reject with that error before the body', async () => {
    const calls = await runsOf(() => expect(service.unnameable(1, 2)).rejects.toBe(refusal));
    expect(calls).toBe(0);
    expect(refusal).toMatchObject({ args: [1, 2] });
  });
});

describe('locked methods that call each other', () => {
  it('see their own lock, and the one around it', async () => {
    expect(await service.outer()).toEqual(['outer', 'inner', 'outer', 'outer']);
    expect(await service.inner()).toEqual(['inner', undefined]);
    expect(service.locks.current()).toBeUndefined();
    expect(
      thrownBy(() => {
        service.locks.assertHeld('inner');
      }),
    ).toMatchObject({ code: 'LOCK_NOT_HELD' });
  });

  it('are refused inside the same lock, which is not the same as busy', async () => {
    const calls = await runsOf(() =>
      expect(service.entersItself()).rejects.toMatchObject({
        code: 'LOCK_REENTERED',
        heldBy: 'Service.entersItself',
        requestedBy: 'Service.entersItself',
      }),
    );
    expect(calls).toBe(1);
    expect(await isHeld(database, 'depth')).toBe(false);
  });

  it('join where the module says so', async () => {
    @Injectable()
    class Nested {
      @WithAdvisoryLock('nested')
      async outer(): Promise<string> {
        return this.inner();
      }

      @WithAdvisoryLock('nested')
      async inner(): Promise<string> {
        return Promise.resolve('joined');
      }
    }
    const imports = [postgres(database), AdvisoryLockModule.forRoot({ reentry: 'join' })];
    const { app } = await start({ imports, providers: [Nested] });
    expect(await app.get(Nested).outer()).toBe('joined');
  });

  it('join the same lock at once, which is given back at the very end', async () => {
    expect(await service.factorial(5)).toBe(120);
    expect(await service.twice()).toEqual([6, 24]);
    expect(await isHeld(database, 'depth')).toBe(false);
  });

  it('are not inside any more when they were left behind', async () => {
    const gate = new Gate();
    const { promise } = await service.leavesBehind(gate);
    gate.open();
    await expect(promise).rejects.toMatchObject({ code: 'LOCK_NOT_HELD' });
  });
});

describe('several locks on one method', () => {
  it('are all held', async () => {
    expect(await service.three('a')).toEqual([true, true]);
    expect(await service.same()).toBe(true);
    expect(await isHeld(database, 'same')).toBe(false);
  });

  it.each(['first', 'second:a'])('are none held when %s is busy', async (name) => {
    await lockInOtherSession(database, name);
    const calls = await runsOf(() =>
      expect(service.three('a')).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE', lockName: name }),
    );
    expect(calls).toBe(0);
    expect(await database.advisoryLocks()).toHaveLength(1);
  });
});

describe('a lock decorator', () => {
  const decorate = WithAdvisoryLock as unknown as (name: unknown, options?: object) => MethodDecorator;

  it.each([
    ['onBusy', { onBusy: 'ignore' }],
    ['connection', { connection: '' }],
    ['httpStatus', { httpStatus: 500 }],
    ['exposeLockName', { exposeLockName: 'yes' }],
    ['waitMs', { waitMs: '5' }],
    ['reentry', { reentry: true }],
    ['reentry', { reentry: 'both', scope: 'transaction' }],
    ['onbusy', { onbusy: 'skip' }],
    ['lock', { lock: 'a' }],
  ])('refuses the option %s when it is wrong or unknown', (option, options) => {
    expect(thrownBy(() => decorate('a', options))).toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining(option),
    });
  });

  it('refuses what is not an instance method, by its name', () => {
    class Target {
      static async ofTheClass(): Promise<void> {}

      property = 1;

      get getter(): number {
        return 1;
      }
    }
    const on = (target: object, key: string) => () => {
      decorate('a')(target, key, Object.getOwnPropertyDescriptor(target, key) as PropertyDescriptor);
    };
    expect(thrownBy(on(Target, 'ofTheClass'))).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(on(Target, 'ofTheClass')).toThrow('received Target.ofTheClass, which is static');
    expect(on(Target.prototype, 'property')).toThrow('received Target.property, which is not a method');
    expect(on(Target.prototype, 'getter')).toThrow('received Target.getter, which is not a method');
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown.');
}
