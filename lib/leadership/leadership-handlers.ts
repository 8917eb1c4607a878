import type { LeadershipBody } from './leadership-body.js';
import { isEcho, whenAborted } from './term.js';

/** The handlers of one leadership, of several providers. */
export interface LeadershipHandlers {
  /** They begin together. */
  readonly begin: readonly LeadershipBody[];
  /** They begin once all `begin` handlers have settled. */
  readonly end: readonly LeadershipBody[];
}

/** Makes one body of all handlers. When one fails, the signal of the others aborts, and the body fails. */
export function combineHandlers({ begin, end }: LeadershipHandlers): LeadershipBody {
  return async (leading) => {
    const term = new AbortController();
    const { signal } = term;
    const failures: unknown[] = [];
    const call = async (body: LeadershipBody): Promise<void> => {
      try {
        await body(signal);
      } catch (error) {
        if (!isEcho(error, signal)) failures.push(error);
        term.abort(error);
      }
    };
    const onEnd = (): void => {
      term.abort(leading.reason);
    };
    leading.addEventListener('abort', onEnd, { once: true });
    if (leading.aborted) onEnd();
    await Promise.all([whenAborted(signal), ...begin.map(call)]);
    await Promise.all(end.map(call));
    if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
    if (failures.length > 0) throw failures[0];
  };
}
