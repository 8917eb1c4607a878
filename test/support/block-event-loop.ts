/** Keeps the event loop busy for so long, in milliseconds, but no core, which other processes have to use. */
export function blockEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
