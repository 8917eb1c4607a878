/** @import { Row } from './keyed-list.js' */
import { element, setAttribute, setText, show } from './dom.js';
import { clipped } from './format.js';

/**
 * A name or another text that anyone may have chosen: a long one is clipped, and shown as a whole on demand.
 *
 * @param {string} [className]
 * @param {string} [what]
 * @returns {Row<string>}
 */
export function nameText(className, what = 'name') {
  const text = element('bdi', className);
  const toggle = element('button', 'link', `whole ${what}`);
  toggle.type = 'button';
  let whole = '';
  let isOpen = false;
  toggle.addEventListener('click', () => {
    isOpen = !isOpen;
    update(whole);
  });

  /** @param {string} name */
  function update(name) {
    whole = name;
    const short = clipped(name);
    setText(text, isOpen ? name : short);
    show(toggle, short !== name);
    setAttribute(toggle, 'aria-expanded', String(isOpen));
  }

  return { element: element('span', '', text, ' ', toggle), update };
}
