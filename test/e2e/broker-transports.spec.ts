import { beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, type NestHybridApplicationOptions, type Type, UseFilters } from '@nestjs/common';
import {
  type ClientProxy,
  ClientProxyFactory,
  type ClientOptions,
  Ctx,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  type RmqContext,
  Transport,
} from '@nestjs/microservices';
import { AdvisoryLockEvents, LockUnavailableFilter, WithAdvisoryLock } from 'nestjs-advisory-lock';
import { writeSync } from 'node:fs';
import { firstValueFrom, retry, timeout } from 'rxjs';
import { describeWith } from '../faults/support/describe-with.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockInOtherSession, unlockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, serve, type ServedApp } from './support/applications.js';
import { BROKERS } from './support/brokers.js';

const database = useTestDatabase({ connectionsMayStay: true });
const secret = (id: string): string => `secret:${id}`;

/** What became of the events. */
const handled: string[] = [];
/** Hands an event on that found its lock busy. */
let later: (id: string, context: unknown) => Promise<void>;

@Controller()
class Payments {
  @MessagePattern('pay')
  @WithAdvisoryLock(secret)
  pay(@Payload() id: string): Promise<string> {
    return Promise.resolve(`paid ${id}`);
  }

  @EventPattern('paid')
  @WithAdvisoryLock(secret)
  paid(@Payload() id: string): Promise<void> {
    handled.push(`paid ${id}`);
    return Promise.resolve();
  }

  @EventPattern('shipped')
  @WithAdvisoryLock<[id: string, context: unknown]>(secret, {
    onBusy: ({ args: [id, context] }) => later(id, context),
  })
  shipped(@Payload() id: string, @Ctx() context: unknown): Promise<void> {
    handled.push(`shipped ${id}`);
    acknowledge(context);
    return Promise.resolve();
  }
}

@UseFilters(LockUnavailableFilter)
@Controller()
class FilteredPayments extends Payments {}

interface Acknowledgements {
  ack(message: object): void;
  nack(message: object, allUpTo: boolean, requeue: boolean): void;
}

function isOfRabbitMq(context: unknown): context is RmqContext {
  return typeof (context as Partial<RmqContext>).getChannelRef === 'function';
}

function acknowledge(context: unknown): void {
  if (isOfRabbitMq(context)) (context.getChannelRef() as Acknowledgements).ack(context.getMessage());
}

/** On RabbitMQ a microservice acknowledges its messages, and a client cannot: its replies are not queued. */
function clientOptionsOf(broker: MicroserviceOptions): ClientOptions {
  const { transport, options } = broker as { transport: Transport.RMQ; options: object };
  return { transport, options: { ...options, noAck: true } };
}

async function connect(
  broker: MicroserviceOptions,
  options: NestHybridApplicationOptions,
  payments: Type,
): Promise<ServedApp & { client: ClientProxy }> {
  handled.length = 0;
  const served = await serve('express', lockedApp(database, { controllers: [payments] }), (app) => {
    app.connectMicroservice(broker, options);
  });
  await served.app.startAllMicroservices();
  const client = ClientProxyFactory.create(clientOptionsOf(broker));
  defer(() => client.close());
  // Nest does not wait until the broker has its subscriptions.
  await firstValueFrom(client.send('pay', 'first').pipe(timeout(1_000), retry({ count: 20 })));
  return { ...served, client };
}

function itTellsOfBusyLocks(start: () => Promise<MicroserviceOptions>, isDurable = false): void {
  let broker: MicroserviceOptions;
  beforeAll(async () => {
    broker = await start();
  });

  it.each([
    ['that inherits the configuration of its application', { inheritAppConfig: true }, Payments],
    ['whose controller has the filter', {}, FilteredPayments],
  ])('in a microservice %s drops no event in silence', async (_case, options, payments) => {
    const { app, client, log } = await connect(broker, options, payments);
    const busy: string[] = [];
    app.get(AdvisoryLockEvents).on('busy', ({ lockName }) => busy.push(lockName));
    await lockInOtherSession(database, 'secret:1');

    const refused: unknown = await firstValueFrom(client.send('pay', '1')).catch((error: unknown) => error);
    expect(refused).toEqual({
      status: 'error',
      code: 'LOCK_UNAVAILABLE',
      message: 'Another request holds this lock. Try again later.',
      statusCode: 409,
    });
    await firstValueFrom(client.emit('paid', '1'), { defaultValue: undefined });
    await until(() => log.matching(/^warn .*"paid" was not handled.*"secret:1"/).length === 1, 'a line');
    expect(log.matching(/^warn .*"pay" was not handled.*"secret:1"/)).toHaveLength(1);
    expect(busy).toEqual(['secret:1', 'secret:1']);
    expect(handled).toEqual([]);
    expect(log.matching(/^error/)).toEqual([]);
  });

  it('is handled later, when `onBusy` hands the event on', async () => {
    const { client, log } = await connect(broker, { inheritAppConfig: true }, Payments);
    await lockInOtherSession(database, 'secret:1');
    later = async (id, context) => {
      await unlockInOtherSession(database, 'secret:1');
      if (isDurable && isOfRabbitMq(context)) {
        (context.getChannelRef() as Acknowledgements).nack(context.getMessage(), false, true);
      } else {
        client.emit('shipped', id);
      }
    };

    client.emit('shipped', '1');

    await until(() => handled.length === 1, 'the event is handled');
    expect(handled).toEqual(['shipped 1']);
    expect(log.matching(/^(warn|error)/)).toEqual([]);
  });
}

for (const [name, start] of Object.entries(BROKERS)) {
  describeWith(name as keyof typeof BROKERS, `a busy lock in a microservice on ${name}`, () => {
    itTellsOfBusyLocks(start);
  });
}

// Its Debian packages take a minute to install, so that it is tested where there is one already.
const { TEST_AMQP_URL: amqpUrl } = process.env;
if (amqpUrl === undefined) {
  writeSync(2, 'Not tested: microservices on RabbitMQ (TEST_AMQP_URL is not set)\n');
} else {
  describe('a busy lock in a microservice on RabbitMQ', () => {
    itTellsOfBusyLocks(
      () =>
        Promise.resolve({
          transport: Transport.RMQ,
          options: {
            urls: [amqpUrl],
            queue: database.name,
            noAck: false,
            queueOptions: { autoDelete: true },
          },
        }),
      true,
    );
  });
}
