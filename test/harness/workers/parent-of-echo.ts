import { spawnWorker } from '../../support/worker-process.js';

const child = spawnWorker(new URL('./echo.ts', import.meta.url));
await child.message<{ isUp?: true }>((message) => message.isUp === true);
process.send?.({ childPid: child.pid });
