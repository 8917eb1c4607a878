/** @import { DashboardTick } from '../server/dashboard-snapshot.js' */
/** @import { TickReport } from './tick-marks.js' */
import { byId, element, icon } from './dom.js';
import { clipped, moment, took } from './format.js';
import { OUTCOMES, reasonOf } from './tick-marks.js';

/** How long the card stays when the pointer leaves the mark, so that the pointer can reach the card. */
const LINGER_MS = 200;
const GAP = 8;

/**
 * The card with the outcome of a tick in each instance, beside the mark that has the pointer or the focus.
 */
export class TickCard {
  #card = byId('tick');
  /** @type {HTMLElement | undefined} */
  #mark;
  #shown = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;

  constructor() {
    this.#card.addEventListener('pointerenter', () => {
      clearTimeout(this.#leaving);
    });
    this.#card.addEventListener('pointerleave', () => {
      this.leave();
    });
    addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.#hide();
    });
    for (const event of ['scroll', 'resize']) {
      addEventListener(
        event,
        () => {
          this.#place();
        },
        { capture: true, passive: true },
      );
    }
  }

  /**
   * @param {HTMLElement} mark
   * @param {DashboardTick} tick
   * @param {number} nowMs
   */
  show(mark, tick, nowMs) {
    clearTimeout(this.#leaving);
    this.#mark?.removeAttribute('aria-describedby');
    this.#mark = mark;
    mark.setAttribute('aria-describedby', this.#card.id);
    this.refresh(mark, tick, nowMs);
    this.#card.hidden = false;
    this.#place();
  }

  /**
   * Shows news about a tick, when it is the one on the card.
   *
   * @param {HTMLElement} mark
   * @param {DashboardTick} tick
   * @param {number} nowMs
   */
  refresh(mark, tick, nowMs) {
    if (this.#mark !== mark) return;
    const text = JSON.stringify(tick);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#card.replaceChildren(...contentOf(tick, nowMs));
    this.#place();
  }

  /** The pointer or the focus is no longer on the mark. */
  leave() {
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => {
      if (document.activeElement !== this.#mark) this.#hide();
    }, LINGER_MS);
  }

  #hide() {
    this.#card.hidden = true;
    this.#shown = '';
    this.#mark?.removeAttribute('aria-describedby');
    this.#mark = undefined;
  }

  #place() {
    if (this.#mark === undefined || this.#card.hidden) return;
    if (!this.#mark.isConnected) {
      this.#hide();
      return;
    }
    const mark = this.#mark.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#card;
    const left = mark.left + mark.width / 2 - width / 2;
    const fitsAbove = mark.top - height - GAP > GAP;
    const maxLeft = document.documentElement.clientWidth - width - GAP;
    this.#card.style.left = `${Math.max(GAP, Math.min(left, maxLeft))}px`;
    this.#card.style.top = `${fitsAbove ? mark.top - height - GAP : mark.bottom + GAP}px`;
  }
}

/**
 * @param {DashboardTick} tick
 * @param {number} nowMs
 */
function contentOf(tick, nowMs) {
  const head = element(
    'p',
    'tick-head',
    icon(tick.outcome),
    element('strong', '', moment(Date.parse(tick.at), nowMs)),
    element('span', 'muted', OUTCOMES[tick.outcome]),
  );
  if (tick.instances.length === 0) {
    return [head, element('p', 'muted', 'It was due, and no instance has run or skipped it.')];
  }
  const list = element('ul');
  for (const report of tick.instances) {
    const facts = element('span', 'muted', factsOf(report));
    const row = element(
      'li',
      '',
      icon(report.outcome),
      element('bdi', 'who', clipped(report.instance)),
      facts,
    );
    if (report.error !== undefined) row.append(element('p', 'error', element('bdi', '', report.error)));
    list.append(row);
  }
  return [head, list];
}

/** @param {TickReport} report */
function factsOf(report) {
  const { outcome, durationMs, lateMs } = report;
  const time = durationMs === undefined ? '' : took(durationMs);
  /** @type {Record<TickReport['outcome'], string>} */
  const what = {
    ran: time === '' ? 'ran' : `took ${time}`,
    running: time === '' ? 'is running' : `running for ${time}`,
    failed: time === '' ? 'failed' : `failed after ${time}`,
    skipped: ['skipped', reasonOf(report)].filter((text) => text !== '').join(': '),
  };
  return lateMs === undefined ? what[outcome] : `${what[outcome]}, ${took(lateMs)} late`;
}
