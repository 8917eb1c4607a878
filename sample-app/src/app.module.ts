import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvisoryLockModule } from 'nestjs-advisory-lock';
import { AdvisoryLockDashboardModule } from 'nestjs-advisory-lock/dashboard';
import { dashboardPath } from './dashboard-path.js';
import { databaseOptions } from './database-options.js';
import { HealthModule } from './health/health.module.js';
import { ImportsModule } from './imports/imports.module.js';
import { instanceName } from './instance-name.js';
import { OperationsModule } from './operations/operations.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { PricesModule } from './prices/prices.module.js';
import { ReportsModule } from './reports/reports.module.js';

@Module({
  imports: [
    TypeOrmModule.forRoot(databaseOptions(process.env.DATABASE_URL ?? 'postgres://localhost/postgres')),
    ScheduleModule.forRoot(),
    AdvisoryLockModule.forRoot({ instanceName }),
    // `main.ts` listens on loopback alone, so only users of this machine see it. Where others can reach it,
    // set `guards`.
    AdvisoryLockDashboardModule.forRoot({ path: dashboardPath, public: true }),
    OrdersModule,
    ReportsModule,
    PricesModule,
    ImportsModule,
    OperationsModule,
    HealthModule,
  ],
})
export class AppModule {}
