#!/usr/bin/env node
import { runCli } from './cli.js';

// Not process.exit(): what was printed into a pipe may be on its way still.
void runCli(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
