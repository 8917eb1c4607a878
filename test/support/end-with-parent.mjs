// Preloaded into every worker: the channel closes however its parent ends.
process.once('disconnect', () => process.exit());
