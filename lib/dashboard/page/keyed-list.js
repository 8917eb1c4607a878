/**
 * A row of a list: its element, and a function that shows a new item in it.
 *
 * @template T
 * @typedef {{ element: Element, update: (item: T) => void }} Row
 */

/**
 * Keeps the children of an element in step with a list. A row stays the same element while its key is listed,
 * and is moved only when its place changes: focus, selection, scroll position and open details survive.
 *
 * @template T
 * @param {Element} parent
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => Row<T>} create
 * @returns {(items: readonly T[]) => void}
 */
export function keyedList(parent, keyOf, create) {
  /** @type {Map<string, Row<T>>} */
  const rows = new Map();
  return (items) => {
    const wanted = new Map(items.map((item) => [keyOf(item), item]));
    for (const [key, row] of rows) {
      if (wanted.has(key)) continue;
      rows.delete(key);
      leave(row.element);
    }
    let place = parent.firstElementChild;
    for (const [key, item] of wanted) {
      const row = rows.get(key) ?? create(item);
      rows.set(key, row);
      row.update(item);
      if (row.element !== place && row.element === place?.nextElementSibling) {
        // The row in between belongs to another place. Moving it is cheaper than moving all rows after it.
        move(parent, place, null);
        place = row.element;
      }
      if (row.element === place) place = place.nextElementSibling;
      else move(parent, row.element, place);
    }
  };
}

/**
 * @param {Element} parent
 * @param {Element} child
 * @param {Element | null} before
 */
function move(parent, child, before) {
  // Only `moveBefore` keeps the focus in an element that is moved, and some browsers do not have it yet.
  if (child.parentNode === parent && 'moveBefore' in parent) {
    /** @type {(child: Element, before: Element | null) => void} */ (parent.moveBefore).call(
      parent,
      child,
      before,
    );
    return;
  }
  const focused = child.contains(document.activeElement) ? document.activeElement : null;
  parent.insertBefore(child, before);
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
}

/**
 * Removes a row. When it has the focus, the heading of its section gets the focus.
 *
 * @param {Element} row
 */
function leave(row) {
  const heading = row.contains(document.activeElement) ? row.closest('section')?.querySelector('h2') : null;
  row.remove();
  heading?.focus({ preventScroll: true });
}
