import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { connectionError, LockConnectionError } from '../errors/lock-connection.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { KeyRegistry, UnknownKeys } from '../key/key-registry.js';
import type { KeyScheme } from '../key/key-schemes.js';
import { describeNames, isOneName, type LockNames } from '../key/lock-key.js';
import { computeKeys } from '../sql/server-key-statement.js';
import type { ServerQueries } from './server-queries.js';

/** Of which lock the keys are needed. */
export interface KeyUse {
  readonly keyScheme?: KeyScheme;
  readonly permits?: number;
}

/** Lets the server compute the keys of which only it knows the formula, before a lock needs them. */
export class ServerKeys {
  constructor(
    private readonly keys: KeyRegistry,
    private readonly server: Pick<ServerQueries, 'query'>,
  ) {}

  /**
   * Returns `undefined` when the keys are known, or are computed here, as with all schemes but two.
   * Otherwise it resolves when `KeyRegistry.keyOf()` knows them. Rejects with `LOCK_CONNECTION`, and with
   * `LOCK_CONFIGURATION` for a name that no text of Postgres can be.
   */
  resolve(name: LockNames, use?: KeyUse): Promise<void> | undefined {
    if (!this.keys.isOfServer(use?.keyScheme)) return undefined;
    const { keyScheme, permits } = use ?? {};
    const names = isOneName(name) ? [name] : name;
    const unknown = this.keys.unknownKeys(names, permits, keyScheme);
    return unknown && this.compute(unknown, describeNames(name));
  }

  private async compute({ scheme, names }: UnknownKeys, lockName: string): Promise<void> {
    if (names.some((name) => name.includes('\0'))) {
      throw new LockConfigurationError(
        `A name must be a text of Postgres, as its key scheme is \`${scheme}\`, received ` +
          `${JSON.stringify(lockName)}. Leave the character U+0000 out.`,
        { lockName },
      );
    }
    let computed: readonly (string | null)[];
    try {
      computed = await this.server.query(computeKeys(scheme, names));
    } catch (error) {
      if (error instanceof LockShutdownError) throw new LockShutdownError(lockName);
      throw connectionError(error instanceof LockConnectionError ? error.cause : error, lockName);
    }
    for (const [index, name] of names.entries()) {
      const key = computed[index];
      // Without a key there is no lock: BigInt() refuses what is no number.
      if (key != null) this.keys.learnComputed(scheme, name, BigInt(key));
    }
  }
}
