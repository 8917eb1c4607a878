#!/usr/bin/env node
import { runCli } from './cli.js';

// The reader of the output may end early, like head(1). A running command must keep its lock then.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

// Not process.exit(): text that was printed into a pipe may not have been written yet.
void runCli(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
