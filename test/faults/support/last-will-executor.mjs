import { spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

/** @type {Map<number, string>} */
const commands = new Map();

for await (const line of createInterface(process.stdin)) {
  const { id, command } = JSON.parse(line);
  if (command === undefined) commands.delete(id);
  else commands.set(id, command);
}

// The pipe has ended, and with it the process that wrote into it.
for (const command of [...commands.values()].reverse()) {
  spawnSync('sh', ['-c', command], { stdio: 'ignore' });
}
