import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvisoryLockModule, WithAdvisoryLock } from 'nestjs-advisory-lock';
import { DataSource } from 'typeorm';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

@Controller('orders')
class Orders {
  constructor(private readonly dataSource: DataSource) {}

  @Get(':id')
  @WithAdvisoryLock<[id: string]>((id) => `order:${id}`)
  async find(@Param('id') id: string): Promise<{ id: number }> {
    const [row] = await this.dataSource.query<[{ id: number }]>('SELECT $1::int AS id, pg_sleep(0.005)', [
      id,
    ]);
    return { id: row.id };
  }
}

@Module({})
class Shop {}

describe('an application with a pool of 1', () => {
  it('serves 50 handlers at once that each hold a lock and query the database', async () => {
    const imports = [
      TypeOrmModule.forRoot({ type: 'postgres', url: database.url, poolSize: 1 }),
      AdvisoryLockModule.forRoot(),
    ];
    const app = await NestFactory.create(
      { module: Shop, imports, controllers: [Orders] },
      { logger: ['error'] },
    );
    defer(() => app.close());
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();

    const ids = Array.from({ length: 50 }, (_, n) => n);
    const responses = await Promise.all(ids.map((id) => fetch(`${url}/orders/${id}`)));
    expect(await Promise.all(responses.map((response) => response.json()))).toEqual(
      ids.map((id) => ({ id })),
    );
    // One of the application's, one for all the locks.
    expect(await database.connections()).toHaveLength(2);
  });
});
