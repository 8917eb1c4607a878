import { styleText } from 'node:util';
import { dashboardPath } from '../dashboard-path.js';
import type { InstanceProcess } from './instance-process.js';

/** What to see and what to try, at the top of the terminal. */
export function introduce(instances: InstanceProcess[], leader: InstanceProcess | undefined): void {
  const [first] = instances;
  const last = instances.at(-1);
  if (!first || !last) return;
  const lines = [
    ...instances.map(({ name, url, pid }) =>
      entry(name, `${url}  pid ${pid}${name === leader?.name ? '  leads' : ''}`),
    ),
    '',
    `  ${styleText('bold', `Dashboard: ${first.url}${dashboardPath}`)}`,
    entry('', 'holders, waiters and each tick, live; every instance serves it'),
    '',
    entry('each tick', 'one instance claims it and writes the report, the others skip it'),
    entry('', 'clients request reports in between, so that the numbers here skip some'),
    entry('see', `curl ${first.url}/orders    or /reports`),
    entry('pay an order', `curl -X POST ${last.url}/orders/3/pay`),
    entry('', 'a second caller meanwhile gets 409, and later 422, as it is paid'),
    entry('edit an order', `curl -X POST ${first.url}/orders/3/edit    then PUT ${last.url}/orders/3`),
    entry('', 'with its token and an item: a lease across two requests and instances'),
    entry('packing', `curl ${first.url}/orders/shares    which instance packs which orders`),
    entry('jobs', `curl ${first.url}/jobs    the stocktake is paused, and runs when it is asked for:`),
    entry('', `curl -X POST ${last.url}/jobs/stocktake/run    or /resume`),
    leader
      ? entry('kill leader', `kill -9 ${leader.pid}    another one leads, and runs the price desk`)
      : entry('kill one', `kill -9 ${first.pid}    the others take over`),
    entry('stop all', 'Ctrl-C'),
  ];
  console.log(`\n${lines.join('\n')}`);
}

function entry(head: string, text: string): string {
  return `  ${styleText('bold', head.padEnd(14))}${text}`;
}
