import { element } from './dom.js';

/**
 * Loads a stylesheet that the page does not need at first. Rejects when it cannot be loaded.
 *
 * @param {URL} url
 * @returns {Promise<void>}
 */
export function loadStyle(url) {
  const link = element('link');
  link.rel = 'stylesheet';
  link.href = url.href;
  return new Promise((resolve, reject) => {
    link.addEventListener('load', () => {
      resolve();
    });
    link.addEventListener('error', () => {
      link.remove();
      reject(new Error(`${url.href} cannot be loaded.`));
    });
    document.head.append(link);
  });
}
