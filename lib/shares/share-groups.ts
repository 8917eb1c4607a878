import {
  checkOptions,
  LockConfigurationError,
  type LockRuntime,
  LockShutdownError,
  runOutside,
} from '../core/index.js';
import { combineHandlers } from '../leadership/leadership-handlers.js';
import { stopWith } from '../leadership/stop-with.js';
import { ShareLocks } from './share-locks.js';
import { Shares } from './shares.js';
import { type SharesOptions, sharesRules } from './shares.options.js';

/** What the shares of one name are for, of one or several providers. */
export interface ShareHandlers extends Pick<SharesOptions, 'of' | 'signal'> {
  readonly gain: readonly SharesOptions['onGain'][];
  readonly lose: readonly NonNullable<SharesOptions['onLose']>[];
}

/** The shares of one configured module. */
export class ShareGroups {
  private readonly groups = new Map<string, Shares>();

  constructor(
    private readonly runtime: Pick<
      LockRuntime,
      'keys' | 'locks' | 'server' | 'backendPids' | 'createLog' | 'closeSignal' | 'isClosed'
    >,
  ) {
    const { closeSignal } = runtime;
    closeSignal.addEventListener('abort', () => {
      for (const shares of this.groups.values()) void shares.stopBecause(closeSignal.reason);
    });
  }

  shares(name: string, options: SharesOptions): Shares {
    const where = `shares("${name}")`;
    const { of, onGain, onLose, signal } = checkOptions(options, sharesRules, where);
    for (const [option, value] of Object.entries({ of, onGain })) {
      if ((value as unknown) !== undefined) continue;
      throw new LockConfigurationError(`${where} must have the option \`${option}\`, received none.`);
    }
    return this.join(name, {
      of,
      gain: [onGain],
      lose: onLose === undefined ? [] : [onLose],
      ...(signal !== undefined && { signal }),
    });
  }

  /** Takes part, until it is stopped or the application shuts down. */
  join(name: string, { of, gain, lose, signal }: ShareHandlers): Shares {
    const locks = new ShareLocks(this.runtime, name, of);
    if (this.runtime.isClosed) throw new LockShutdownError(name);
    if (this.groups.has(name)) {
      throw new LockConfigurationError(
        `The shares of "${name}" must be taken once in a process, received a second call. Do all of it in ` +
          'one `onGain`, or stop the first one before.',
        { lockName: name },
      );
    }
    const bodyOf = (shard: number) =>
      combineHandlers({
        begin: gain.map((body) => (ending: AbortSignal) => body(shard, ending)),
        end: lose.map((body) => () => body(shard)),
      });
    const log = this.runtime.createLog('AdvisoryLock');
    // It outlasts the caller: inside a lock of the caller its own would be entered again.
    const shares = runOutside(() => new Shares(name, of, locks, bodyOf, log));
    this.groups.set(name, shares);
    // Forgotten before the caller of `stop()` goes on, which may take part again.
    void shares.over.then(() => this.groups.delete(name));
    stopWith(signal, shares);
    return shares;
  }
}
