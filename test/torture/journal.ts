import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Ending, Hold, HoldKind } from './hold.js';

/** What a worker notes of a hold when its body starts, and when it ends. */
interface Start {
  readonly id: number;
  readonly names: readonly string[];
  readonly kind: HoldKind;
  readonly permits: number;
  readonly way: string;
  readonly startUs: number;
}

interface End {
  readonly id: number;
  readonly endUs: number;
  readonly ending: Ending;
  readonly reason?: string;
  readonly token?: string;
}

export type HoldStart = Omit<Start, 'id' | 'startUs'>;
export type HoldEnd = Omit<End, 'id' | 'endUs'>;

/**
 * The notes of one worker process, in a file of its own. Each is with the kernel before the worker goes on,
 * so that a process that is killed leaves all of them; what is sent through a channel may die with it.
 */
export class Journal {
  private lastId = 0;
  private readonly file: number;

  constructor(
    path: string,
    private readonly nowUs: () => number,
  ) {
    this.file = openSync(path, 'ax');
  }

  start(hold: HoldStart): number {
    this.lastId += 1;
    this.write({ id: this.lastId, ...hold, startUs: this.nowUs() });
    return this.lastId;
  }

  /** To be called while the lock is still held, or as soon as its loss is seen. */
  end(id: number, end: HoldEnd, endUs = this.nowUs()): void {
    this.write({ id, ...end, endUs });
  }

  close(): void {
    closeSync(this.file);
  }

  private write(note: Start | End): void {
    writeSync(this.file, `${JSON.stringify(note)}\n`);
  }
}

/** The holds of a worker process; those that it never ended ended when it was killed. */
export function readJournal(path: string, worker: number, killedAtUs: number | undefined): Hold[] {
  const started = new Map<number, Start>();
  const holds: Hold[] = [];
  const finish = ({ names, ...start }: Start, end: Omit<End, 'id'>): void => {
    started.delete(start.id);
    const { token, ...rest } = end;
    for (const name of names) {
      holds.push({ ...start, ...rest, name, worker, ...(token !== undefined && { token: BigInt(token) }) });
    }
  };
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue;
    const note = JSON.parse(line) as Start | End;
    if ('startUs' in note) {
      started.set(note.id, note);
      continue;
    }
    const start = started.get(note.id);
    if (start === undefined) throw new Error(`In ${path} hold ${note.id} ends, but never started.`);
    finish(start, note);
  }
  for (const start of started.values()) {
    finish(
      start,
      killedAtUs === undefined
        ? { endUs: Infinity, ending: 'open' }
        : { endUs: Math.max(killedAtUs, start.startUs), ending: 'killed' },
    );
  }
  return holds;
}
