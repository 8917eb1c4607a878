import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

// Jest, with the flags of Node that the tests need. V8 on one thread takes less of two cores.
const jest = spawn(
  process.execPath,
  [
    ...process.execArgv,
    '--single-threaded',
    '--experimental-vm-modules',
    '--no-warnings=ExperimentalWarning',
    fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url)),
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => jest.kill(signal));
jest.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});
