/**
 * An element with its class and children. Texts are inserted as text: anyone may have chosen the name of a
 * lock.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, className = '', ...children) {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

/**
 * The same for SVG.
 *
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/**
 * One of the icons of page.html.
 *
 * @param {string} name
 */
export function icon(name) {
  return svg('svg', { class: `icon ${name}`, 'aria-hidden': 'true' }, svg('use', { href: `#icon-${name}` }));
}

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}.`);
  return found;
}

/**
 * Writes a text only when it differs, so that a selection stays.
 *
 * @param {Element} where
 * @param {string} text
 */
export function setText(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

/**
 * Writes an attribute only when it differs.
 *
 * @param {Element} where
 * @param {string} name
 * @param {string} value
 */
export function setAttribute(where, name, value) {
  if (where.getAttribute(name) !== value) where.setAttribute(name, value);
}

/**
 * @param {HTMLElement} what
 * @param {boolean} isShown
 */
export function show(what, isShown) {
  if (what.hidden === isShown) what.hidden = !isShown;
}
