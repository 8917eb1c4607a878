/** @import { PlacedArrow, PlacedBox } from './wait-graph-layout.js' */
/** @import { WaitNode, Waits } from './waits.js' */
import { setText, svg } from './dom.js';
import { duration } from './format.js';
import { HEAD_HEIGHT, layOut, rowMiddle } from './wait-graph-layout.js';

const PADDING = 12;
const SWING = 17;
/** Room for `59m 59s`. */
const TIME_WIDTH = 52;

/**
 * Draws the wait graph. It is drawn again only when parties or arrows change; otherwise only its durations
 * are updated.
 *
 * @param {HTMLElement} where
 * @returns {(waits: Waits) => void}
 */
export function waitGraph(where) {
  let drawn = '';
  /** @type {Waits | undefined} */
  let current;
  /** @type {Map<string, SVGTextElement>} */
  const times = new Map();
  new ResizeObserver(() => {
    if (current !== undefined) update(current);
  }).observe(where);

  /** @param {Waits} waits */
  function update(waits) {
    current = waits;
    const room = where.clientWidth - 20;
    const structure = JSON.stringify([
      room,
      waits.arrows,
      waits.nodes.map(({ id, title, locks }) => [
        id,
        title,
        ...[...locks].flatMap(([key, lock]) => [key, lock.title, lock.isHeld]),
      ]),
    ]);
    if (structure !== drawn) {
      drawn = structure;
      times.clear();
      where.replaceChildren(draw(waits, times, room));
    }
    for (const { id, locks } of waits.nodes) {
      for (const [key, { sinceMs }] of locks) {
        const time = times.get(`${id}\n${key}`);
        if (time !== undefined) setText(time, sinceMs === undefined ? '' : duration(sinceMs));
      }
    }
  }
  return update;
}

/**
 * @param {Waits} waits
 * @param {Map<string, SVGTextElement>} times
 * @param {number} room
 */
function draw(waits, times, room) {
  const { boxes, arrows, width, height } = layOut(waits, room);
  return svg(
    'svg',
    {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-label': 'Drawing; the same follows in words',
    },
    svg(
      'defs',
      {},
      svg(
        'marker',
        {
          id: 'arrow-head',
          viewBox: '0 0 8 8',
          refX: 7,
          refY: 4,
          markerWidth: 7,
          markerHeight: 7,
          orient: 'auto',
        },
        svg('path', { d: 'M0 0.5 8 4 0 7.5Z' }),
      ),
    ),
    ...boxes.map((box) => drawBox(box, times)),
    ...arrows.map(drawArrow),
  );
}

/**
 * @param {PlacedBox} box
 * @param {Map<string, SVGTextElement>} times
 */
function drawBox(box, times) {
  const { node, x, y, width, height, isNarrow } = box;
  const indent = x + PADDING + 14;
  const rows = [...node.locks].flatMap(([key, { title, isHeld }]) => {
    const middle = rowMiddle(box, key);
    const time = isNarrow
      ? svg('text', { x: indent, y: middle + 8, class: 'graph-time narrow' })
      : svg('text', { x: x + width - PADDING, y: middle, class: 'graph-time' });
    const room = width - 2 * PADDING - 14 - (isNarrow ? 0 : TIME_WIDTH);
    times.set(`${node.id}\n${key}`, time);
    return [
      svg('circle', { cx: x + PADDING + 3, cy: middle, r: 3, class: isHeld ? 'graph-held' : 'graph-waited' }),
      label(title, room, { x: indent, y: isNarrow ? middle - 8 : middle, class: 'graph-lock' }),
      time,
    ];
  });
  const holdsAny = [...node.locks.values()].some(({ isHeld }) => isHeld);
  return svg(
    'g',
    { class: `graph-node ${holdsAny ? 'holder' : 'waiter'}`, 'data-node': node.title },
    svg('rect', { x, y, width, height, rx: 8 }),
    label(
      node.title,
      width - 2 * PADDING,
      { x: x + PADDING, y: y + 14, class: 'graph-title' },
      LETTER_WIDTHS.title,
    ),
    label(placeOf(node), width - 2 * PADDING, {
      x: x + PADDING,
      y: y + 29,
      class: 'graph-pid',
    }),
    svg('line', { x1: x, x2: x + width, y1: y + HEAD_HEIGHT - 1, y2: y + HEAD_HEIGHT - 1 }),
    ...rows,
  );
}

/** @param {WaitNode} node */
function placeOf({ pid, isPrepared }) {
  if (pid !== undefined) return `pid ${pid}`;
  return isPrepared ? 'no backend' : 'no connection of its own';
}

/** @param {PlacedArrow} placed */
function drawArrow({ arrow, from, to, below }) {
  const bend = (to.x - from.x) / 2;
  const way =
    bend > 0
      ? `C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}`
      : // In a cycle, a box on the right waits for one on the left: the arrow goes below both.
        `C${from.x + SWING} ${from.y} ${from.x + SWING} ${below} ${from.x} ${below}` +
        `L${to.x} ${below}C${to.x - SWING} ${below} ${to.x - SWING} ${to.y} ${to.x} ${to.y}`;
  return svg(
    'path',
    {
      class: `graph-arrow ${arrow.because}`,
      d: `M${from.x} ${from.y}${way}`,
      'marker-end': 'url(#arrow-head)',
      'data-from': arrow.from,
      'data-to': arrow.to,
      'data-lock': arrow.lock,
    },
    svg('title', {}, `waits for ${arrow.lock}`),
  );
}

const letters = new Intl.Segmenter();
/** Chinese, Japanese and Korean letters and pictograms are as wide as two letters. */
const WIDE = /[\u1100-\u11ff\u2e80-\uffef]|\p{Extended_Pictographic}/u;
const LETTER_WIDTHS = { plain: 6.6, title: 8.3 };

/**
 * A text, shortened to fit. The whole text is the tooltip of a shortened one.
 *
 * @param {string} text
 * @param {number} room In pixels.
 * @param {Record<string, string | number>} attributes
 * @param {number} [letterWidth]
 */
function label(text, room, attributes, letterWidth = LETTER_WIDTHS.plain) {
  const made = svg('text', attributes);
  // SVG does not shorten texts, and measuring each costs a layout: a generous estimate of a letter's width is
  // enough.
  let left = room / letterWidth;
  let shown = '';
  for (const { segment } of letters.segment(text)) {
    left -= WIDE.test(segment) ? 2 : 1;
    if (left < 0) break;
    shown += segment;
  }
  made.append(shown === text ? text : `${shown}…`);
  if (shown !== text) made.append(svg('title', {}, text));
  return made;
}
