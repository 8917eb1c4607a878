/** @import { DashboardLock, DashboardParty, DashboardSnapshot } from '../server/dashboard-snapshot.js' */
import { doctorView } from './doctor-view.js';
import { byId, show } from './dom.js';
import { clipped } from './format.js';
import { instancesView } from './instances-view.js';
import { jobsView } from './jobs-view.js';
import { locksView } from './locks-view.js';
import { SnapshotFeed } from './snapshot-feed.js';
import { StatusView } from './status-view.js';
import { TickCard } from './tick-card.js';
import { waitsView } from './waits-view.js';

/** While the user types, the server is asked at most once in so many milliseconds. */
const TYPING_MS = 150;

const search = /** @type {HTMLInputElement} */ (byId('search'));
const status = new StatusView();
/**
 * The latest snapshot with locks. When the database is away it stays on the page, marked as old.
 *
 * @type {DashboardSnapshot | undefined}
 */
let seen;

const feed = new SnapshotFeed(
  new URL('snapshot', import.meta.url),
  (snapshot, searched) => {
    if (snapshot.problem === undefined || seen === undefined) seen = snapshot;
    showLocks(seen, searched);
    showWaits(seen, searched);
    showJobs(snapshot);
    showDoctor(snapshot);
    showInstances(snapshot);
    shownPage?.received(snapshot);
    shownLeases?.refresh();
    status.received(snapshot);
  },
  (problem) => {
    status.failed(problem);
  },
);

/**
 * Loads a part of the page when it is needed first: most viewers never need it.
 *
 * @template T
 * @param {string} file The module of the part.
 * @param {() => Promise<T>} load Imports it.
 * @returns {() => Promise<T | undefined>} `undefined` when it cannot be loaded, which the page then says.
 */
function onDemand(file, load) {
  /** @type {Promise<T> | undefined} */
  let loaded;
  const begin = () => {
    const begun = whenThere(file).then(load);
    loaded = begun;
    begun.catch(() => (loaded = undefined));
    return begun;
  };
  return async () => {
    try {
      // What was begun before may fail because the server was away then.
      return await (loaded?.catch(() => loaded ?? begin()) ?? begin());
    } catch {
      status.failed('The server does not respond.');
      return undefined;
    }
  };
}

/**
 * Rejects while the server does not send the file. A browser that has failed to import a module does not ask
 * for it again, until the page is reloaded: https://github.com/whatwg/html/issues/6768
 *
 * @param {string} file
 */
async function whenThere(file) {
  const response = await fetch(new URL(file, import.meta.url));
  if (!response.ok) throw new Error(`${file} cannot be loaded (${response.status}).`);
  await response.text();
}

const refresh = () => {
  feed.refresh();
};
const card = new TickCard();
const terminateDialog = onDemand('terminate-dialog.js', async () => {
  const { terminateDialog } = await import('./terminate-dialog.js');
  return terminateDialog(new URL('terminate', import.meta.url), refresh);
});
const jobPage = onDemand('job-page.js', async () => {
  const { jobPage } = await import('./job-page.js');
  return jobPage(card, refresh);
});
const leases = onDemand('leases-view.js', async () => {
  const { leasesView } = await import('./leases-view.js');
  return leasesView(byId('lease-panel'));
});
/** @type {Awaited<ReturnType<typeof jobPage>>} */
let shownPage;
/** @type {Awaited<ReturnType<typeof leases>>} */
let shownLeases;
let shownJob = '';

function jobInAddress() {
  return new URLSearchParams(location.search).get('job') ?? '';
}

/**
 * Shows the page of the job in the address, or that of all.
 *
 * @param {boolean} isMoved Whether the user has come from another view.
 */
async function showJob(isMoved) {
  if (jobInAddress() === shownJob) return;
  shownPage = await jobPage();
  // The user may have gone on meanwhile.
  const job = jobInAddress();
  if (shownPage === undefined || job === shownJob) return;
  shownJob = job;
  status.subject = clipped(job);
  shownPage.show(job, isMoved);
  refresh();
}

/**
 * @param {DashboardLock} lock
 * @param {DashboardParty} holder
 */
async function askToEnd(lock, holder) {
  const ask = await terminateDialog();
  if (seen !== undefined) ask?.(lock, holder, seen);
}

const showLocks = locksView(
  {
    canTerminate: () => seen?.canTerminate === true,
    terminate: (lock, holder) => void askToEnd(lock, holder),
  },
  feed,
);
const showWaits = waitsView();
const showJobs = jobsView(card);
const showDoctor = doctorView();
const showInstances = instancesView();

/** Keeps the search in the address of the page, so that a link to it can be sent. */
function keepInAddress() {
  const url = new URL(location.href);
  if (feed.search === '') url.searchParams.delete('search');
  else url.searchParams.set('search', feed.search);
  history.replaceState(null, '', url);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;
search.addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    feed.search = search.value.trim();
    keepInAddress();
    feed.refresh();
  }, TYPING_MS);
});
search.form?.addEventListener('submit', (event) => {
  event.preventDefault();
});
addEventListener('keydown', (event) => {
  const isTyping = event.target instanceof HTMLInputElement;
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
});

const leasesButton = byId('leases');
async function toggleLeases() {
  const isOpen = leasesButton.ariaExpanded !== 'true';
  shownLeases = await leases();
  if (shownLeases === undefined) return;
  leasesButton.ariaExpanded = String(isOpen);
  show(byId('lease-panel'), isOpen);
  if (isOpen) shownLeases.open();
}
leasesButton.addEventListener('click', () => void toggleLeases());

// Links to a job, and back, need no reload. A click that opens another tab or window is left to the browser.
addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a[data-job]') : null;
  if (!(link instanceof HTMLElement)) return;
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const url = new URL(location.href);
  url.hash = '';
  const { job = '' } = link.dataset;
  if (job === '') url.searchParams.delete('job');
  else url.searchParams.set('job', job);
  history.pushState(null, '', url);
  void showJob(true);
});
addEventListener('popstate', () => void showJob(true));

search.value = new URLSearchParams(location.search).get('search') ?? '';
feed.search = search.value.trim();
feed.refresh();
void showJob(false);
