import { formatDuration } from '../inspection/format-duration.js';

/** A moment in the time zone of this machine: the time of day, with the date unless it is that of `now`. */
export function clockTime(at: Date, now: Date): string {
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())} ${time}`;
}

/** `12:00:03 (3m 12s)`, to follow the word since. */
export function sinceWhen(at: Date, now: Date): string {
  return `${clockTime(at, now)} (${formatDuration(now.getTime() - at.getTime())})`;
}

function twoDigits(n: number): string {
  return String(n).padStart(2, '0');
}
