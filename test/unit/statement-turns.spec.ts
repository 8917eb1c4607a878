import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { StatementTurns } from '../../lib/core/index.js';

/** Work that a test ends, with a record of what has begun. */
class Works {
  readonly begun: string[] = [];
  private readonly ends = new Map<string, () => void>();

  readonly begin = (name: string): Promise<void> => {
    this.begun.push(name);
    return new Promise((resolve) => this.ends.set(name, resolve));
  };

  async end(name: string): Promise<void> {
    this.ends.get(name)?.();
    await setImmediate();
  }
}

function setup() {
  const turns = new StatementTurns();
  const works = new Works();
  const batch = (name: string, turn = { mayOverlap: true }): void => {
    turns.batch({
      get mayOverlap() {
        return turn.mayOverlap;
      },
      begin: () => works.begin(name),
    });
  };
  const alone = (name: string): void => void turns.alone(() => works.begin(name));
  return { turns, works, batch, alone };
}

describe('turns for statements', () => {
  it('begin in order, one at a time, also after one that has failed', async () => {
    const { turns, works, alone } = setup();
    const failing = turns.alone(() => Promise.reject(new Error('failed')));
    for (const name of ['a', 'b']) alone(name);
    await expect(failing).rejects.toThrow('failed');
    expect(works.begun).toEqual(['a']);
    await works.end('a');
    expect(works.begun).toEqual(['a', 'b']);
  });

  it('let one batch begin behind another, and no third', async () => {
    const { works, batch } = setup();
    for (const name of ['a', 'b', 'c', 'd']) batch(name);
    expect(works.begun).toEqual(['a', 'b']);
    await works.end('a');
    expect(works.begun).toEqual(['a', 'b', 'c']);
    await works.end('c');
    expect(works.begun).toEqual(['a', 'b', 'c', 'd']);
  });

  it('let a batch begin behind another as soon as it may', async () => {
    const { turns, works, batch } = setup();
    const grown = { mayOverlap: false };
    batch('a');
    batch('b', grown);
    expect(works.begun).toEqual(['a']);
    grown.mayOverlap = true;
    turns.beginNext();
    expect(works.begun).toEqual(['a', 'b']);
    batch('c', { mayOverlap: false });
    await works.end('a');
    expect(works.begun).toEqual(['a', 'b']);
    await works.end('b');
    expect(works.begun).toEqual(['a', 'b', 'c']);
  });

  it('run other work with no batch beside it, and let no batch overtake it', async () => {
    const { works, batch, alone } = setup();
    batch('a');
    batch('b');
    alone('query');
    batch('c');
    await works.end('a');
    expect(works.begun).toEqual(['a', 'b']);
    await works.end('b');
    expect(works.begun).toEqual(['a', 'b', 'query']);
    await works.end('query');
    expect(works.begun).toEqual(['a', 'b', 'query', 'c']);
  });

  it('run urgent work before all that waits, and after all that is on its way', async () => {
    const { turns, works, batch, alone } = setup();
    batch('a');
    batch('b');
    alone('query');
    void turns.aloneNext(() => works.begin('urgent'));
    await works.end('a');
    expect(works.begun).toEqual(['a', 'b']);
    await works.end('b');
    expect(works.begun).toEqual(['a', 'b', 'urgent']);
    await works.end('urgent');
    expect(works.begun).toEqual(['a', 'b', 'urgent', 'query']);
  });
});
