import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  applyDecorators,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  Injectable,
  Param,
  type PipeTransform,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Cron, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { ExclusiveCron, ExclusiveInterval, ExclusiveTimeout, WithAdvisoryLock } from 'nestjs-advisory-lock';
import { map, type Observable } from 'rxjs';
import { until } from '../support/until.js';
import { useTestDatabase } from '../support/test-database.js';
import { isHeld, lockInOtherSession, unlockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, type Platform, serve, start } from './support/applications.js';
import { Transactional } from './support/transactional.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';
const compose = applyDecorators as (...decorators: unknown[]) => MethodDecorator;

/** Under which lock each body ran, and whether Postgres knew of it at that moment. */
const runs: Record<string, boolean[]> = {};

async function run(lock: string): Promise<string> {
  (runs[lock] ??= []).push(await isHeld(database, lock));
  return lock;
}

@Injectable()
class Jobs {
  @WithAdvisoryLock('above @Cron')
  @Cron(NEVER, { name: 'above @Cron' })
  aboveCron(): Promise<string> {
    return run('above @Cron');
  }

  @Cron(NEVER, { name: 'below @Cron' })
  @WithAdvisoryLock('below @Cron')
  belowCron(): Promise<string> {
    return run('below @Cron');
  }

  @compose(WithAdvisoryLock('composed before @Cron'), Cron(NEVER, { name: 'composed before @Cron' }))
  composedBeforeCron(): Promise<string> {
    return run('composed before @Cron');
  }

  @compose(Cron(NEVER, { name: 'composed after @Cron' }), WithAdvisoryLock('composed after @Cron'))
  composedAfterCron(): Promise<string> {
    return run('composed after @Cron');
  }

  @Transactional()
  @WithAdvisoryLock('below a wrapper')
  @Cron(NEVER, { name: 'below a wrapper' })
  belowAWrapper(): Promise<string> {
    return run('below a wrapper');
  }

  @WithAdvisoryLock('above a wrapper')
  @Transactional()
  @Cron(NEVER, { name: 'above a wrapper' })
  aboveAWrapper(): Promise<string> {
    return run('above a wrapper');
  }

  @Cron(NEVER, { name: 'between a wrapper and @Cron' })
  @WithAdvisoryLock('between a wrapper and @Cron')
  @Transactional()
  betweenAWrapperAndCron(): Promise<string> {
    return run('between a wrapper and @Cron');
  }

  @ExclusiveCron(NEVER, { name: 'exclusive', lock: 'exclusive' })
  exclusive(): Promise<string> {
    return run('exclusive');
  }

  @Transactional()
  @ExclusiveCron(NEVER, { name: 'exclusive below a wrapper', lock: 'exclusive below a wrapper' })
  exclusiveBelowAWrapper(): Promise<string> {
    return run('exclusive below a wrapper');
  }

  @ExclusiveCron(NEVER, { name: 'exclusive above a wrapper', lock: 'exclusive above a wrapper' })
  @Transactional()
  exclusiveAboveAWrapper(): Promise<string> {
    return run('exclusive above a wrapper');
  }

  @compose(ExclusiveCron(NEVER, { name: 'exclusive composed', lock: 'exclusive composed' }), Transactional())
  exclusiveComposed(): Promise<string> {
    return run('exclusive composed');
  }

  @ExclusiveCron(NEVER, { name: 'exclusive above a lock', lock: 'exclusive above a lock' })
  @WithAdvisoryLock('the lock below')
  exclusiveAboveALock(): Promise<string> {
    return run('exclusive above a lock');
  }

  @WithAdvisoryLock('the lock above')
  @ExclusiveCron(NEVER, { name: 'exclusive below a lock', lock: 'exclusive below a lock' })
  exclusiveBelowALock(): Promise<string> {
    return run('exclusive below a lock');
  }
}

@Injectable()
class Timers {
  @WithAdvisoryLock('above @Interval')
  @Interval('above @Interval', 20)
  aboveInterval(): Promise<string> {
    return run('above @Interval');
  }

  @Interval('below @Interval', 20)
  @WithAdvisoryLock('below @Interval')
  belowInterval(): Promise<string> {
    return run('below @Interval');
  }

  @WithAdvisoryLock('above @Timeout')
  @Timeout(20)
  aboveTimeout(): Promise<string> {
    return run('above @Timeout');
  }

  @Timeout(20)
  @WithAdvisoryLock('below @Timeout')
  belowTimeout(): Promise<string> {
    return run('below @Timeout');
  }

  @Transactional()
  @ExclusiveInterval('interval below a wrapper', 20, { lock: 'interval below a wrapper' })
  exclusiveIntervalBelowAWrapper(): Promise<string> {
    return run('interval below a wrapper');
  }

  @compose(ExclusiveInterval(20, { lock: 'interval composed' }), Transactional())
  exclusiveIntervalComposed(): Promise<string> {
    return run('interval composed');
  }

  @ExclusiveInterval(20, { lock: 'interval above a lock' })
  @WithAdvisoryLock('another lock below')
  exclusiveIntervalAboveALock(): Promise<string> {
    return run('interval above a lock');
  }

  @WithAdvisoryLock('another lock above')
  @ExclusiveTimeout('timeout below a lock', 20, { lock: 'timeout below a lock' })
  exclusiveTimeoutBelowALock(): Promise<string> {
    return run('timeout below a lock');
  }

  @ExclusiveTimeout(20, { lock: 'timeout above a wrapper' })
  @Transactional()
  exclusiveTimeoutAboveAWrapper(): Promise<string> {
    return run('timeout above a wrapper');
  }
}

describe('a lock on a scheduled method', () => {
  let scheduler: SchedulerRegistry;

  beforeAll(async () => {
    const { app } = await start(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Jobs] }),
    );
    scheduler = app.get(SchedulerRegistry);
  });

  it.each([
    'above @Cron',
    'below @Cron',
    'composed before @Cron',
    'composed after @Cron',
    'below a wrapper',
    'above a wrapper',
    'between a wrapper and @Cron',
    'exclusive',
    'exclusive below a wrapper',
    'exclusive above a wrapper',
    'exclusive composed',
    'exclusive above a lock',
    'exclusive below a lock',
  ])('%s: the job is registered, and runs under the lock alone', async (name) => {
    const job = scheduler.getCronJob(name);
    job.waitForCompletion = true;

    await lockInOtherSession(database, name);
    await job.fireOnTick();
    expect(runs[name]).toBeUndefined();

    await unlockInOtherSession(database, name);
    await job.fireOnTick();
    expect(runs[name]).toEqual([true]);
  });
});

describe('a lock on a method with a timer', () => {
  it('runs under the lock when the timer fires, in any order of the decorators', async () => {
    const { app } = await start(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Timers] }),
    );
    const names = [
      'above @Interval',
      'below @Interval',
      'above @Timeout',
      'below @Timeout',
      'interval below a wrapper',
      'interval composed',
      'interval above a lock',
      'timeout below a lock',
      'timeout above a wrapper',
    ];

    await until(() => names.every((name) => runs[name] !== undefined), 'a run of each');
    await app.close();

    for (const name of names) expect(new Set(runs[name])).toEqual(new Set([true]));
  });
});

class Forbids implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>().headers.badge === 'yes';
  }
}

class Shouts {
  intercept(_context: ExecutionContext, next: { handle(): Observable<string> }): Observable<string> {
    return next.handle().pipe(map((text) => `${text}!`));
  }
}

class Upper implements PipeTransform<string, string> {
  transform(value: string): string {
    return value.toUpperCase();
  }
}

const name = (id: string): string => `order:${id}`;

@Controller()
class Orders {
  @WithAdvisoryLock(name)
  @Get('above/:id')
  @UseGuards(Forbids)
  @UseInterceptors(Shouts)
  @HttpCode(202)
  @Header('x-order', 'yes')
  above(@Param('id', Upper) id: string): Promise<string> {
    return run(name(id));
  }

  @Get('below/:id')
  @UseGuards(Forbids)
  @UseInterceptors(Shouts)
  @HttpCode(202)
  @Header('x-order', 'yes')
  @WithAdvisoryLock(name)
  below(@Param('id', Upper) id: string): Promise<string> {
    return run(name(id));
  }

  @HttpCode(202)
  @UseGuards(Forbids)
  @WithAdvisoryLock(name)
  @Header('x-order', 'yes')
  @UseInterceptors(Shouts)
  @Get('between/:id')
  between(@Param('id', Upper) id: string): Promise<string> {
    return run(name(id));
  }

  @compose(
    WithAdvisoryLock(name),
    Get('composed/:id'),
    HttpCode(202),
    Header('x-order', 'yes'),
    UseGuards(Forbids),
    UseInterceptors(Shouts),
  )
  composed(@Param('id', Upper) id: string): Promise<string> {
    return run(name(id));
  }

  @UseGuards(Forbids)
  @Transactional()
  @HttpCode(202)
  @WithAdvisoryLock(name)
  @Header('x-order', 'yes')
  @Transactional()
  @UseInterceptors(Shouts)
  @Get('wrapped/:id')
  wrapped(@Param('id', Upper) id: string): Promise<string> {
    return run(name(id));
  }
}

describe.each<Platform>(['express', 'fastify'])('a lock on a route of %s', (platform) => {
  let url: string;

  beforeAll(async () => {
    ({ url } = await serve(platform, lockedApp(database, { controllers: [Orders] })));
  });

  it.each(['above', 'below', 'between', 'composed', 'wrapped'])(
    '%s its other decorators: all of them work, and the handler runs under the lock alone',
    async (path) => {
      const id = `${platform}-${path}`.toUpperCase();
      const call = (badge: string) => fetch(`${url}/${path}/${id.toLowerCase()}`, { headers: { badge } });

      expect((await call('no')).status).toBe(403);

      await lockInOtherSession(database, name(id));
      expect((await call('yes')).status).toBe(409);
      expect(runs[name(id)]).toBeUndefined();

      await unlockInOtherSession(database, name(id));
      const response = await call('yes');
      expect([response.status, response.headers.get('x-order')]).toEqual([202, 'yes']);
      expect(await response.text()).toBe(`${name(id)}!`);
      expect(runs[name(id)]).toEqual([true]);
    },
  );
});

describe('a locked method', () => {
  it('keeps its name and its number of parameters', () => {
    class Service {
      @WithAdvisoryLock('a')
      async none(): Promise<void> {}

      @WithAdvisoryLock('a')
      two(first: string, second: number): Promise<unknown> {
        return Promise.resolve([first, second]);
      }

      @ExclusiveCron(NEVER)
      async job(): Promise<void> {}

      @ExclusiveInterval(20)
      async interval(): Promise<void> {}
    }
    const shapeOf = (method: keyof Service) => [
      Service.prototype[method].name,
      Service.prototype[method].length,
    ];
    expect(shapeOf('none')).toEqual(['none', 0]);
    expect(shapeOf('two')).toEqual(['two', 2]);
    expect(shapeOf('job')).toEqual(['job', 0]);
    expect(shapeOf('interval')).toEqual(['interval', 0]);
  });
});
