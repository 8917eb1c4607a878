import { Injectable, Module } from '@nestjs/common';
import { InjectQueue, BullModule, Processor, WorkerHost } from '@nestjs/bullmq';
import {
  CommandBus,
  CommandHandler,
  CqrsModule,
  EventBus,
  EventsHandler,
  type ICommandHandler,
  type IEventHandler,
  type IQueryHandler,
  QueryBus,
  QueryHandler,
} from '@nestjs/cqrs';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import type { Job, Queue } from 'bullmq';
import { Command, CommandFactory, CommandRunner } from 'nest-commander';
import { AdvisoryLockModule, AdvisoryLockService, WithAdvisoryLock } from '../../../lib/index.js';
import { openLocks } from '../../support/open-locks.js';
import { until } from '../../support/until.js';

// A process of its own: nest-commander is CommonJS and requires Nest, which is ESM; Jest cannot load that.
const { TEST_URL: url = '', TEST_REDIS: redis = '' } = process.env;
const [host, port] = redis.split(':');

/** Whether the lock of a method was held while it ran. */
const ran: Record<string, boolean> = {};

@Injectable()
class Witness {
  constructor(private readonly locks: AdvisoryLockService) {}

  async note(name: string): Promise<string> {
    ran[name] = await this.locks.isLocked(name);
    return name;
  }
}

class Pay {
  readonly order = 1;
}

@CommandHandler(Pay)
class PayHandler implements ICommandHandler<Pay> {
  constructor(private readonly witness: Witness) {}

  @WithAdvisoryLock('command')
  execute(): Promise<string> {
    return this.witness.note('command');
  }
}

class Balance {
  readonly order = 1;
}

@QueryHandler(Balance)
class BalanceHandler implements IQueryHandler<Balance> {
  constructor(private readonly witness: Witness) {}

  @WithAdvisoryLock('query')
  execute(): Promise<string> {
    return this.witness.note('query');
  }
}

class Paid {
  readonly order = 1;
}

@EventsHandler(Paid)
class PaidHandler implements IEventHandler<Paid> {
  constructor(private readonly witness: Witness) {}

  @WithAdvisoryLock('event')
  handle(): Promise<string> {
    return this.witness.note('event');
  }
}

@Processor('mail')
class Mail extends WorkerHost {
  constructor(private readonly witness: Witness) {
    super();
  }

  @WithAdvisoryLock((job: Job<string>) => `job:${job.data}`)
  process(job: Job<string>): Promise<string> {
    return this.witness.note(`job:${job.data}`);
  }
}

@Injectable()
class Listener {
  constructor(private readonly witness: Witness) {}

  @OnEvent('paid')
  @WithAdvisoryLock('listener')
  paid(): Promise<string> {
    return this.witness.note('listener');
  }
}

@Command({ name: 'import' })
class Import extends CommandRunner {
  constructor(private readonly witness: Witness) {
    super();
  }

  @WithAdvisoryLock('cli')
  async run(): Promise<void> {
    await this.witness.note('cli');
  }
}

@Injectable()
class Senders {
  constructor(
    readonly commands: CommandBus,
    readonly queries: QueryBus,
    readonly events: EventBus,
    readonly emitter: EventEmitter2,
    readonly mail: Mail,
    @InjectQueue('mail') readonly queue: Queue,
  ) {}
}

@Module({
  imports: [
    AdvisoryLockModule.forRoot({ postgres: url }),
    CqrsModule.forRoot(),
    EventEmitterModule.forRoot(),
    BullModule.forRoot({ connection: { host: host ?? '', port: Number(port) } }),
    BullModule.registerQueue({ name: 'mail' }),
  ],
  providers: [Witness, PayHandler, BalanceHandler, PaidHandler, Mail, Listener, Import, Senders],
})
class AppModule {}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

// A standalone application. Its command line is the one of this process.
const app = await CommandFactory.createWithoutRunning(AppModule, { logger: ['error', 'warn'] });
await CommandFactory.runApplication(app);
const { commands, queries, events, emitter, mail, queue } = app.get(Senders);
const results: unknown[] = [await commands.execute(new Pay()), await queries.execute(new Balance())];
events.publish(new Paid());
emitter.emit('paid');
await queue.add('send', 'a');
await until(() => ['event', 'listener', 'job:a'].every((name) => name in ran), 'all have run');

const other = openLocks(url);
const held = await other.service.acquire(['command', 'job:b']);
const refused: unknown = await commands.execute(new Pay()).catch(codeOf);
const failures: unknown[] = [];
mail.worker.on('failed', (_job, error) => failures.push(codeOf(error)));
await queue.add('send', 'b', { attempts: 1_000, backoff: 10 });
await until(() => failures.length > 0, 'the job finds its lock busy');
await held.release();
await until(() => 'job:b' in ran, 'the job is tried again');

process.send?.({ ran, results, refused, failure: failures[0] });
await other.close();
await app.close();
process.disconnect();
