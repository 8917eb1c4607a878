import { ConsoleLogger, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { logRequests } from './log-requests.js';

/** One instance of the shop. `fleet/main.ts` starts several of them. */
const startedByFleet = process.send !== undefined;
const shutdownLimitMs = 5_000;

if (startedByFleet) {
  // The channel closes when the launcher dies, for whatever reason. Then no other process stops this one, and
  // the embedded Postgres is gone with the launcher, so a graceful end may be impossible.
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), shutdownLimitMs).unref();
    process.kill(process.pid, 'SIGTERM');
  });
}

Logger.overrideLogger(new ConsoleLogger({ json: startedByFleet }));
const app = await NestFactory.create(AppModule);
app.use(logRequests);
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 3001), '127.0.0.1');
process.send?.('ready');
