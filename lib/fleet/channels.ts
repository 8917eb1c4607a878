/** Where questions to the fleet are asked. Each shared session of this library in the database hears it. */
export const QUESTIONS = 'nestjs_advisory_lock';

/** Where only one backend listens, for the answers to its questions: the others need not be woken by them. */
export function answersFor(backendPid: number): string {
  return `${QUESTIONS}_${backendPid}`;
}

/** What the lock connection of an instance listens to, by the pid of its backend. */
export function fleetChannels(backendPid: number): readonly string[] {
  return [QUESTIONS, answersFor(backendPid)];
}
