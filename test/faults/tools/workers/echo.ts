process.on('message', (message: object) => process.send?.(message));
process.send?.({ isReady: true });
