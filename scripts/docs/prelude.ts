// What the snippets of the pages take for granted. A name that a snippet neither declares nor imports is
// imported from the package if that exports it, and else from here; see snippets.mjs.
import type { CanActivate, INestApplication, Type } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import type {
  AdvisoryLockCronHistory,
  AdvisoryLockEvents,
  AdvisoryLockInspector,
  AdvisoryLockService,
} from 'nestjs-advisory-lock';
import type { DataSource, DataSourceOptions, EntityManager } from 'typeorm';

export {
  type ArgumentsHost,
  Catch,
  Controller,
  Get,
  Injectable,
  Logger,
  Module,
  Param,
  Post,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
export { BaseExceptionFilter, NestFactory } from '@nestjs/core';
export { EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
export type { RmqContext } from '@nestjs/microservices';
export { ScheduleModule, type SchedulerRegistry } from '@nestjs/schedule';
export { HealthCheck, HealthCheckService } from '@nestjs/terminus';
export { Test } from '@nestjs/testing';
export { TypeOrmModule } from '@nestjs/typeorm';
export type { Observable } from 'rxjs';
export { DataSource } from 'typeorm';

/** What stands around a snippet: the variables of a function. */
export declare const locks: AdvisoryLockService;
export declare const archiveLocks: AdvisoryLockService;
export declare const inspector: AdvisoryLockInspector;
export declare const history: AdvisoryLockCronHistory;
export declare const events: AdvisoryLockEvents;
export declare const dataSource: DataSource;
export declare const manager: EntityManager;
export declare const options: DataSourceOptions;
export declare const app: INestApplication;
export declare const signal: AbortSignal;
export declare const logger: import('@nestjs/common').Logger;
export declare const pool: { query(sql: string): Promise<unknown> };
export declare const queue: { add<T>(work: () => Promise<T>): Promise<T> };
export declare const prisma: {
  $transaction(
    body: (tx: {
      $queryRawUnsafe(sql: string): Promise<unknown>;
      order: { update(args: object): Promise<void> };
    }) => Promise<void>,
    options?: { timeout?: number },
  ): Promise<void>;
};
export declare function retryLater(id: string): Promise<void>;
export declare const id: number;
export declare const balance: number;
export declare const timeZone: string;
export declare const editToken: string;
export declare const draft: string;
export declare const rows: object[];
export declare const customer: { readonly id: number; readonly schedule: string };
export declare const files: readonly string[];
export declare function load(file: string, options?: { signal?: AbortSignal | undefined }): Promise<void>;
export declare function body(): Promise<void>;
export declare function vaultPassword(): Promise<string>;

/** The application of the snippets. */
export declare const AppModule: Type;
export declare const AuthModule: Type;
export declare const OrdersModule: Type;
export declare const Reports: Type;
export declare const AdminGuard: Type<CanActivate>;
export declare class Order {
  id: number;
  items: number;
  paidAt: Date | null;
}
/** The little of an Express response that a snippet needs. */
export interface Response {
  once(event: 'close', listener: () => void): unknown;
}
/** Of @nestjs-cls/transactional and typeorm-transactional, which are not installed here. */
export declare function Transactional(): MethodDecorator;

/** What `this` has in a snippet that shows members of a class. */
export interface Members {
  locks: AdvisoryLockService;
  inspector: AdvisoryLockInspector;
  history: AdvisoryLockCronHistory;
  dataSource: DataSource;
  scheduler: SchedulerRegistry;
  txHost: { readonly tx: EntityManager };
  logger: import('@nestjs/common').Logger;
  orders: { pay(id: string): Promise<void> };
  invoices: { write(id: number): Promise<void> };
  payouts: { send(of: { day: Date }): Promise<void> };
  report: { write(of: { day: Date }): Promise<void> };
  pager: { page(message: string): void };
  feed: {
    subscribe(): Promise<Subscription>;
    events(options: { signal: AbortSignal }): AsyncIterable<string>;
  };
  subscription: Subscription | undefined;
  store(event: string): Promise<void>;
  load(options: { signal: AbortSignal | undefined }): Promise<void>;
}
export interface Subscription {
  close(): Promise<void>;
}
