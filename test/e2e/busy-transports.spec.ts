import { describe, expect, it } from '@jest/globals';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Controller,
  type INestApplication,
  type NestHybridApplicationOptions,
  Param,
  Sse,
  type Type,
  UseFilters,
} from '@nestjs/common';
import { Args, GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql';
import {
  type ClientProxy,
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Transport,
} from '@nestjs/microservices';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { AdvisoryLockEvents, LockUnavailableFilter, WithAdvisoryLock } from 'nestjs-advisory-lock';
import type { AddressInfo, Server } from 'node:net';
import { firstValueFrom, type Observable, of } from 'rxjs';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, serve, type ServedApp } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

const BUSY = 'Another request holds this lock. Try again later.';
const secret = (id: string): string => `secret:${id}`;

@Controller()
class Payments {
  @MessagePattern('pay')
  @WithAdvisoryLock(secret)
  pay(id: string): Promise<string> {
    return Promise.resolve(`paid ${id}`);
  }

  @MessagePattern('pay openly')
  @WithAdvisoryLock(secret, { exposeLockName: true, waitMs: 5 })
  payOpenly(id: string): Promise<string> {
    return Promise.resolve(`paid ${id}`);
  }

  @EventPattern('paid')
  @WithAdvisoryLock(secret)
  paid(id: string): Promise<void> {
    return Promise.reject(new Error(`${id} was handled`));
  }
}

@UseFilters(LockUnavailableFilter)
@Controller()
class FilteredPayments extends Payments {}

@Resolver()
class Orders {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }

  @Mutation(() => String)
  @WithAdvisoryLock(secret)
  pay(@Args('id') id: string): Promise<string> {
    return Promise.resolve(`paid ${id}`);
  }

  @Mutation(() => String)
  @WithAdvisoryLock(secret, { exposeLockName: true, httpStatus: 423, waitMs: 5 })
  payOpenly(@Args('id') id: string): Promise<string> {
    return Promise.resolve(`paid ${id}`);
  }
}

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('pay')
  @WithAdvisoryLock(secret)
  pay(@MessageBody() id: string): Promise<object> {
    return Promise.resolve({ event: 'paid', data: id });
  }
}

@Controller()
class Feeds {
  @Sse('feed/:id')
  @WithAdvisoryLock(secret)
  feed(@Param('id') id: string): Observable<object> {
    return of({ data: id });
  }
}

const errorsIn = ({ log }: ServedApp): string[] => log.matching(/^error/);

describe('a busy lock in a microservice', () => {
  const listen = async (options: NestHybridApplicationOptions, payments: Type = Payments) => {
    const served = await serve('express', lockedApp(database, { controllers: [payments] }), (app) => {
      const service = app.connectMicroservice(
        { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } },
        options,
      );
      if (options.deferInitialization === true) service.useGlobalFilters(app.get(LockUnavailableFilter));
    });
    await served.app.startAllMicroservices();
    const [service] = served.app.getMicroservices();
    const { port } = service?.unwrap<Server>().address() as AddressInfo;
    const client = ClientProxyFactory.create({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port },
    });
    defer(() => client.close());
    return { ...served, client };
  };
  const send = (client: ClientProxy, pattern: string, id: string): Promise<unknown> =>
    firstValueFrom(client.send<unknown>(pattern, id)).catch((error: unknown) => ({ error }));

  it.each([
    ['that inherits the configuration of its application', { inheritAppConfig: true }, Payments],
    ['that is given the filter', { deferInitialization: true }, Payments],
    ['whose controller is given the filter', {}, FilteredPayments],
  ])('%s is an error with a code, without the name of the lock', async (_case, options, payments) => {
    const served = await listen(options, payments);
    await lockInOtherSession(database, 'secret:1');

    expect(await send(served.client, 'pay', '2')).toBe('paid 2');
    expect(await send(served.client, 'pay', '1')).toEqual({
      error: { status: 'error', code: 'LOCK_UNAVAILABLE', message: BUSY, statusCode: 409 },
    });
    expect(await send(served.client, 'pay openly', '1')).toEqual({
      error: { status: 'error', code: 'LOCK_TIMEOUT', message: BUSY, statusCode: 409, lock: 'secret:1' },
    });
    expect(errorsIn(served)).toEqual([]);
  });

  it('is a line in the log and an event, when an event is not handled', async () => {
    const served = await listen({ inheritAppConfig: true });
    const busy: string[] = [];
    served.app.get(AdvisoryLockEvents).on('busy', ({ lockName }) => busy.push(lockName));
    await lockInOtherSession(database, 'secret:1');

    await served.client.connect();
    served.client.emit('paid', '1');

    const lines = (): string[] => served.log.matching(/^warn .*"paid" was not handled.*"secret:1"/);
    await until(() => lines().length === 1, 'the log has a line');
    expect(busy).toEqual(['secret:1']);
    expect(errorsIn(served)).toEqual([]);
  });
});

describe('a busy lock in GraphQL', () => {
  let served: ServedApp;
  const typeDefs = `
    type Query { hello: String }
    type Mutation { pay(id: String): String payOpenly(id: String): String }
  `;
  const post = async (mutation: string): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${served.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `mutation { ${mutation} }` }),
    });
    return { status: response.status, body: await response.json() };
  };
  const graphql = (options: Partial<ApolloDriverConfig>) =>
    GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, ...options });

  it.each([
    ['code-first', { autoSchemaFile: true }],
    ['schema-first', { typeDefs }],
  ])('%s is an error with a code, without the name of the lock', async (_way, schema) => {
    const statuses: unknown[] = [];
    served = await serve(
      'express',
      lockedApp(database, {
        imports: [
          graphql({
            ...schema,
            formatError: (formatted, error) => {
              statuses.push((error as { extensions?: { http?: unknown } }).extensions?.http);
              return formatted;
            },
          }),
        ],
        providers: [Orders],
      }),
    );
    await lockInOtherSession(database, 'secret:1');

    expect(await post('pay(id: "2")')).toMatchObject({ body: { data: { pay: 'paid 2' } } });
    const refused = await post('pay(id: "1")');
    expect(refused.body).toMatchObject({
      errors: [{ message: BUSY, path: ['pay'], extensions: { code: 'LOCK_UNAVAILABLE' } }],
    });
    expect(JSON.stringify(refused.body)).not.toContain('secret');
    expect((await post('payOpenly(id: "1")')).body).toMatchObject({
      errors: [{ extensions: { code: 'LOCK_TIMEOUT', lock: 'secret:1' } }],
    });
    expect(statuses).toEqual([{ status: 409 }, { status: 423 }]);
    expect(errorsIn(served)).toEqual([]);
  });
});

describe('a busy lock in a WebSocket', () => {
  const refusal = {
    status: 'error',
    code: 'LOCK_UNAVAILABLE',
    message: BUSY,
    statusCode: 409,
    cause: { pattern: 'pay', data: '1' },
  };
  const listen = (adapter: (app: INestApplication) => IoAdapter | WsAdapter) =>
    serve('express', lockedApp(database, { providers: [Gateway] }), (app) => {
      app.useWebSocketAdapter(adapter(app));
    });

  it('of socket.io is the event `exception`', async () => {
    const served = await listen((app) => new IoAdapter(app));
    await lockInOtherSession(database, 'secret:1');
    const client = io(served.url, { transports: ['websocket'] });
    defer(() => client.close());
    const received = new Promise((resolve) => client.once('exception', resolve));

    client.emit('pay', '1');

    expect(await received).toEqual(refusal);
    expect(errorsIn(served)).toEqual([]);
  });

  it('of ws is the event `exception`', async () => {
    const served = await listen((app) => new WsAdapter(app));
    await lockInOtherSession(database, 'secret:1');
    const client = new WebSocket(served.url.replace('http', 'ws'));
    defer(() => {
      client.terminate();
    });
    const received = new Promise<string>((resolve) =>
      client.once('message', (data: Buffer) => {
        resolve(data.toString());
      }),
    );
    await new Promise((resolve) => client.once('open', resolve));

    client.send(JSON.stringify({ event: 'pay', data: '1' }));

    expect(JSON.parse(await received)).toEqual({ event: 'exception', data: refusal });
    expect(errorsIn(served)).toEqual([]);
  });
});

describe('a busy lock of server-sent events', () => {
  it('is the response of HTTP, as no event has been sent', async () => {
    const served = await serve('express', lockedApp(database, { controllers: [Feeds] }));
    await lockInOtherSession(database, 'secret:1');

    const response = await fetch(`${served.url}/feed/1`);
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'LOCK_UNAVAILABLE', message: BUSY });
    expect(await (await fetch(`${served.url}/feed/2`)).text()).toContain('data: 2');
    expect(errorsIn(served)).toEqual([]);
  });
});
