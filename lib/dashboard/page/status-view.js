/** @import { DashboardSnapshot } from '../server/dashboard-snapshot.js' */
import { healthOf } from './doctor-view.js';
import { byId, element, icon, setText, show } from './dom.js';
import { clipped, duration, number } from './format.js';

/** After so long, the page calls its content old. It asks every second. */
const OLD_AFTER_MS = 4_000;

/** The head of the page: the health, and the age of the content. */
export class StatusView {
  /** When the page received the locks that it shows, by `performance.now()`. */
  #seenAt = 0;
  /** What the page is about, where it is not about all locks. */
  subject = '';
  #problem = '';
  #health = '';
  #said = '';

  constructor() {
    // While there are no responses, nothing else updates the age.
    setInterval(() => {
      this.#showAge();
    }, 1_000);
  }

  /** @param {DashboardSnapshot} snapshot */
  received(snapshot) {
    const { database, instance, problem } = snapshot;
    this.#problem = problem ?? '';
    if (problem === undefined) this.#seenAt = performance.now();
    const { isHealthy, text } = healthOf(snapshot);
    show(byId('of'), database !== undefined);
    setText(byId('database'), database ?? '');
    setText(byId('served'), clipped(instance));
    this.#showHealth(isHealthy, text);
    showCounts(snapshot);
    const waiting = snapshot.counts.waiters;
    const of = database === undefined ? '' : ` of ${database}`;
    const subject = this.subject === '' ? '' : `${this.subject} · `;
    document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${subject}Locks${of}`;
    this.#health = isHealthy ? 'Healthy.' : (problem ?? `The doctor reports ${text}.`);
    this.#showAge();
  }

  /** @param {string} problem */
  failed(problem) {
    this.#problem = problem;
    this.#showAge();
  }

  #showAge() {
    const ageMs = performance.now() - this.#seenAt;
    const isOld = this.#seenAt > 0 && ageMs > OLD_AFTER_MS && !document.hidden;
    const problem = this.#problem === '' && isOld ? 'The server does not respond.' : this.#problem;
    const isStale = problem !== '';
    const age =
      this.#seenAt === 0
        ? 'No locks have been received yet.'
        : `The locks shown here are ${duration(ageMs)} old.`;
    setText(byId('banner-text'), isStale ? `${sentence(problem)} ${age} The page keeps trying.` : '');
    show(byId('banner'), isStale);
    document.body.classList.toggle('stale', isStale);
    this.#say(isStale ? problem : this.#health);
  }

  /**
   * Announces the health to screen readers when it changes.
   *
   * @param {string} text
   */
  #say(text) {
    if (text === this.#said) return;
    // A page that has just loaded need not announce that all is well.
    const isFirst = this.#said === '';
    this.#said = text;
    if (!isFirst || text !== 'Healthy.') setText(byId('announcement'), text);
  }

  /**
   * @param {boolean} isHealthy
   * @param {string} text
   */
  #showHealth(isHealthy, text) {
    const badge = byId('health');
    show(badge, text !== '');
    if (badge.textContent === text) return;
    badge.classList.toggle('bad', !isHealthy);
    badge.replaceChildren(icon(isHealthy ? 'check' : 'alert'), text);
  }
}

/** @param {string} text */
function sentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** @param {DashboardSnapshot} snapshot */
function showCounts({ counts, instances, problem }) {
  /** @type {[string, number, boolean][]} */
  const figures = [
    ['locks', counts.locks, false],
    ['holders', counts.holders, false],
    ['waiters', counts.waiters, counts.waiters > 0],
    ['instances', instances.length, false],
  ];
  const list = byId('counts');
  if (list.childElementCount === 0) {
    for (const [what] of figures) list.append(element('div', '', element('dt', '', what), element('dd')));
  }
  figures.forEach(([, value, isLit], index) => {
    const figure = list.children[index];
    const text = figure?.querySelector('dd');
    // While the database is away, the counts are unknown.
    if (text) setText(text, problem !== undefined && index < 3 ? '–' : number(value));
    figure?.classList.toggle('lit', isLit && problem === undefined);
  });
}
