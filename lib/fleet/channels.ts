/**
 * The channel for questions to the fleet. Each shared session of this library in the database listens on it.
 */
export const QUESTIONS = 'nestjs_advisory_lock';

/**
 * The channel on which one backend listens for the reports to its questions; they need not wake the others.
 */
export function reportChannelOf(backendPid: number): string {
  return `${QUESTIONS}_${backendPid}`;
}

/** The channels that the lock connection of an instance listens on, by the pid of its backend. */
export function fleetChannels(backendPid: number): readonly string[] {
  return [QUESTIONS, reportChannelOf(backendPid)];
}
