import TestSequencer from '@jest/test-sequencer';

const isUnit = ({ context }) => context.config.displayName?.name === 'unit';

/**
 * Without times of an earlier run, Jest begins with the largest files, and some of the longest are small: one
 * worker then ran the model for a minute after the other had nothing left to do. Files of the project `unit`
 * are short: they come last, and fill that gap.
 */
export default class UnitLastSequencer extends TestSequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    return [...sorted.filter((test) => !isUnit(test)), ...sorted.filter(isUnit)];
  }
}
