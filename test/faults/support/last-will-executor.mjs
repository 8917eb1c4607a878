import { spawnSync } from 'node:child_process';

/** @type {Map<number, string>} */
const commands = new Map();

process.on('message', ({ id, command }) => {
  if (command === undefined) commands.delete(id);
  else commands.set(id, command);
});

process.once('disconnect', () => {
  for (const command of [...commands.values()].reverse())
    spawnSync('sh', ['-c', command], { stdio: 'ignore' });
});
