/** @import { DashboardSnapshot } from '../server/dashboard-snapshot.js' */

const EVERY_MS = 1_000;
/** A request without a response after so long is given up, and sent again. */
const RESPONSE_WITHIN_MS = 10_000;

/** Asks the server again and again while the page is visible. */
export class SnapshotFeed {
  search = '';
  limit = 200;
  /** @type {AbortController | undefined} */
  #asking;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #next;

  /**
   * @param {URL} url
   * @param {(snapshot: DashboardSnapshot, search: string) => void} onSnapshot
   * @param {(problem: string) => void} onFailure
   */
  constructor(url, onSnapshot, onFailure) {
    this.url = url;
    this.onSnapshot = onSnapshot;
    this.onFailure = onFailure;
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#pause();
      else this.refresh();
    });
  }

  /**
   * Asks at once, and then every second. A request that is under way is dropped: its search may be outdated.
   */
  refresh() {
    this.#pause();
    if (document.hidden) return;
    const asking = new AbortController();
    this.#asking = asking;
    void this.#ask(asking).then(() => {
      if (this.#asking !== asking) return;
      this.#next = setTimeout(() => {
        this.refresh();
      }, EVERY_MS);
    });
  }

  #pause() {
    clearTimeout(this.#next);
    this.#asking?.abort();
    this.#asking = undefined;
  }

  /** @param {AbortController} asking */
  async #ask(asking) {
    const { search } = this;
    const url = new URL(this.url);
    url.searchParams.set('search', search);
    url.searchParams.set('limit', String(this.limit));
    const timer = setTimeout(() => {
      asking.abort();
    }, RESPONSE_WITHIN_MS);
    try {
      const response = await fetch(url, { signal: asking.signal, headers: { accept: 'application/json' } });
      const snapshot = await bodyOf(response);
      if (this.#asking === asking) this.onSnapshot(/** @type {DashboardSnapshot} */ (snapshot), search);
    } catch (error) {
      if (this.#asking !== asking) return;
      this.onFailure(error instanceof Refusal ? error.message : 'The server does not respond.');
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The server has responded, but not with what was asked for. */
export class Refusal extends Error {}

/**
 * The body of a response as JSON. Throws `Refusal` for any other response.
 *
 * @param {Response} response
 * @returns {Promise<unknown>}
 */
export async function bodyOf(response) {
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const body = isJson ? /** @type {unknown} */ (await response.json()) : undefined;
  if (response.ok && isJson) return body;
  const said = typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '';
  const what = said === '' ? 'It gives no reason.' : `It says: ${said}`;
  if (response.ok || response.status === 401 || response.status === 403) {
    throw new Refusal(
      `The server no longer gives you access (${response.status}). ${what} ` +
        'Sign in again, and reload the page.',
    );
  }
  throw new Refusal(`The server responded with an error (${response.status}). ${what}`);
}
