import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Ending, Hold, HoldKind } from './hold.js';

/** What a worker notes of a hold when its body starts, and when it ends. */
interface Start {
  readonly id: number;
  readonly names: readonly string[];
  readonly kind: HoldKind;
  readonly permits: number;
  readonly way: string;
  /** Of the backends that hold them, in the order of the names. */
  readonly pids?: readonly number[];
  readonly startUs: number;
}

interface End {
  readonly id: number;
  readonly endUs: number;
  readonly ending: Ending;
  readonly reason?: string;
  readonly token?: string;
}

/** What it notes after the end, of a lock that the server had freed before it could be given back. */
interface Loss {
  readonly id: number;
  readonly noticedUs: number;
  readonly reason: string;
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

  /** To be called when the loss of a lock is seen whose body was through. */
  lostAfterEnd(id: number, reason: string): void {
    this.write({ id, reason, noticedUs: this.nowUs() });
  }

  close(): void {
    closeSync(this.file);
  }

  private write(note: Start | End | Loss): void {
    writeSync(this.file, `${JSON.stringify(note)}\n`);
  }
}

/** The holds of a worker process; those that it never ended ended when it was killed. */
export function readJournal(path: string, worker: number, killedAtUs: number | undefined): Hold[] {
  const starts: Start[] = [];
  const ends = new Map<number, End>();
  const losses = new Map<number, Loss>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue;
    const note = JSON.parse(line) as Start | End | Loss;
    if ('startUs' in note) starts.push(note);
    else if ('noticedUs' in note) losses.set(note.id, note);
    else ends.set(note.id, note);
  }
  return starts.flatMap(({ names, pids = [], ...start }) => {
    const { token, ...end } = ends.get(start.id) ?? endOfUnended(start, killedAtUs);
    const loss = losses.get(start.id);
    return names.map((name, index): Hold => ({
      ...start,
      ...end,
      ...(loss && { ...loss, ending: 'lost' }),
      name,
      worker,
      pid: pids[index] ?? 0,
      ...(token !== undefined && { token: BigInt(token) }),
    }));
  });
}

function endOfUnended({ id, startUs }: Pick<Start, 'id' | 'startUs'>, killedAtUs: number | undefined): End {
  return killedAtUs === undefined
    ? { id, endUs: Infinity, ending: 'open' }
    : { id, endUs: Math.max(killedAtUs, startUs), ending: 'killed' };
}
