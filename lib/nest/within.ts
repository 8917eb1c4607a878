/** Settles as the promise does, if that settles in time; otherwise rejects. */
export function within<T>(promise: Promise<T>, ms: number, statedMs = ms): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`The database has not responded within ${statedMs} ms.`));
    }, ms);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
