/*
 * `node run.mjs <tool> <count>`: runs the first steps by a tool, on DATABASE_URL, as soon as there is a line
 * on its input: several processes begin at once then. Says "ready" before.
 */
import { once } from 'node:events';

const [, , tool, count] = process.argv;
const { migrate } = await import(`./${tool}.mjs`);
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
await migrate(process.env.DATABASE_URL, Number(count));
