import { Random } from './random.js';

/** What is done to the workers, one at a time; of these a worker bears one at a time. */
const WORKER_FAULTS = {
  /** `pg_terminate_backend` of one of its sessions. */
  terminate: { weight: 4, lasts: false },
  /** `pg_cancel_backend` of one of its sessions. */
  cancel: { weight: 3, lasts: false },
  /** `kill -9`; another takes its place. */
  kill: { weight: 2, lasts: false },
  /** SIGSTOP, and SIGCONT in the end. */
  freeze: { weight: 3, lasts: true },
  /** An event loop that does nothing else. */
  block: { weight: 3, lasts: true },
  'silence both ways': { weight: 3, lasts: true },
  'silence to the server': { weight: 2, lasts: true },
  'silence to the client': { weight: 2, lasts: true },
  /** Every connection is reset. */
  cut: { weight: 3, lasts: false },
} as const;

/** Faults that affect all workers. */
const FLEET_FAULTS = {
  /** A backend is killed with -9, so that the server ends all others and starts over. */
  'crash of a backend': { weight: 1 },
  /** The postmaster is killed with -9, and another started in its place. */
  'crash of the server': { weight: 1 },
  'restart of the server': { weight: 1 },
  'restart of the pooler': { weight: 1 },
} as const;

export type WorkerFaultKind = keyof typeof WORKER_FAULTS;
export type FleetFaultKind = keyof typeof FLEET_FAULTS;
export type FaultKind = WorkerFaultKind | FleetFaultKind;

export const FAULT_KINDS = [...Object.keys(WORKER_FAULTS), ...Object.keys(FLEET_FAULTS)] as FaultKind[];

interface TimedFault {
  /** Since the start of the run. */
  readonly atMs: number;
  /** From 0 to below 1: which of its sessions is meant. */
  readonly choice: number;
}

export interface WorkerFault extends TimedFault {
  readonly kind: WorkerFaultKind;
  readonly worker: number;
  /** 0 for what happens in a moment. */
  readonly durationMs: number;
}

export interface FleetFault extends TimedFault {
  readonly kind: FleetFaultKind;
}

export type Fault = WorkerFault | FleetFault;

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly workers: number;
  readonly kinds: readonly FaultKind[];
  readonly lostAfterMs: number;
  /** On average, between one fault and the next. */
  readonly pauseMs: number;
}

/** A worker is spared for so long after a fault, to take locks again that the next one can hit. */
const RECOVERY_MS = 700;

/** The faults of a run, the same for the same seed: some last shorter than `lostAfterMs`, some longer. */
export function planFaults({ seed, durationMs, workers, kinds, lostAfterMs, pauseMs }: PlanOptions): Fault[] {
  const random = new Random(seed);
  const lots = kinds.flatMap((kind) => Array.from({ length: weightOf(kind) }, () => kind));
  const busyUntilMs = Array.from({ length: workers }, () => 0);
  const faults: Fault[] = [];
  let atMs = 0;
  for (;;) {
    atMs += Math.ceil(pauseMs * 2 * random.next());
    const kind = lots[random.between(0, lots.length)];
    const worker = random.between(0, workers);
    const choice = random.next();
    const lastingMs = Math.round(lostAfterMs * (0.2 + 2.8 * random.next()));
    if (kind === undefined || atMs > durationMs) return faults;
    if (isFleetFault(kind)) {
      faults.push({ kind, atMs, choice });
      continue;
    }
    const lasts = WORKER_FAULTS[kind].lasts ? lastingMs : 0;
    if ((busyUntilMs[worker] ?? 0) > atMs || atMs + lasts > durationMs) continue;
    busyUntilMs[worker] = atMs + lasts + RECOVERY_MS;
    faults.push({ kind, atMs, choice, worker, durationMs: lasts });
  }
}

export function isFleetFault(kind: FaultKind): kind is FleetFaultKind {
  return Object.hasOwn(FLEET_FAULTS, kind);
}

function weightOf(kind: FaultKind): number {
  return isFleetFault(kind) ? FLEET_FAULTS[kind].weight : WORKER_FAULTS[kind].weight;
}
