/** What the promise settles with, if it does so in time. */
export function within<T>(promise: Promise<T>, ms: number, statedMs = ms): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`The database has not answered within ${statedMs} ms.`));
    }, ms);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
