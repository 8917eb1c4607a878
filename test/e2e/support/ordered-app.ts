import type { AdvisoryLockModuleOptions } from '../../../lib/index.js';
import { startWorker } from '../../support/processes.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import type { Order, Report } from '../workers/ordered-app.js';

/** An application in its own process, with the shutdown hooks of Nest. It follows orders, and reports. */
export class OrderedApp {
  private constructor(readonly worker: WorkerProcess) {}

  static async start(
    url: string,
    options: AdvisoryLockModuleOptions = {},
    env: NodeJS.ProcessEnv = {},
  ): Promise<OrderedApp> {
    const app = new OrderedApp(
      startWorker(new URL('../workers/ordered-app.ts', import.meta.url), {
        env: { TEST_URL: url, TEST_LOCK_OPTIONS: JSON.stringify(options), ...env },
      }),
    );
    await app.says({ type: 'ready' });
    return app;
  }

  order(order: Order): void {
    this.worker.send(order);
  }

  says(report: Report): Promise<Report> {
    return this.worker.message<Report>(
      ({ type, name }) => type === report.type && (report.name === undefined || name === report.name),
      30_000,
    );
  }

  async hold(name: string, isStubborn = false): Promise<void> {
    this.order({ do: isStubborn ? 'hold until lost' : 'hold', name });
    await this.says({ type: 'holding', name });
  }

  async refusal(order: Order): Promise<string | undefined> {
    this.order(order);
    return (await this.says({ type: 'refused', name: order.name ?? '' })).code;
  }
}
