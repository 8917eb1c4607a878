#!/usr/bin/env node
import { runCli } from './cli.js';

// Who reads the output may leave before its end, like head(1): no reason to leave a command without its lock.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

// Not process.exit(): what was printed into a pipe may be on its way still.
void runCli(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
