/** @import { WaitArrow, WaitNode, Waits } from './waits.js' */

export const HEAD_HEIGHT = 40;
/** In a narrow box the time is below the lock's name. */
const ROW_HEIGHTS = { narrow: 37, wide: 24 };
const NARROW = 170;
const FOOT_HEIGHT = 6;
const BOX_WIDTHS = { min: 126, max: 220 };
const COLUMN_GAPS = { min: 40, max: 84 };
const ROW_GAP = 14;
const GROUP_GAP = 24;
const MARGIN = 14;

/**
 * @typedef {object} PlacedBox
 * @property {WaitNode} node
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {number} rowHeight
 * @property {boolean} isNarrow
 */

/**
 * @typedef {object} PlacedArrow
 * @property {WaitArrow} arrow
 * @property {{ x: number, y: number }} from
 * @property {{ x: number, y: number }} to
 * @property {number} below A height below both boxes, for an arrow that leads back.
 */

/**
 * Places the boxes in columns: a waiter stands to the left of what it waits for. Unconnected groups stand one
 * below the other.
 *
 * @param {Waits} waits
 * @param {number} room The preferred width, in pixels. A graph that does not fit is wider.
 */
export function layOut({ nodes, arrows }, room) {
  const groups = groupsOf(nodes, arrows).map((group) => columnsOf(group, arrows));
  const { boxWidth, columnGap } = widthsFor(Math.max(...groups.map((columns) => columns.length)), room);
  const isNarrow = boxWidth < NARROW;
  const rowHeight = isNarrow ? ROW_HEIGHTS.narrow : ROW_HEIGHTS.wide;
  /** @param {WaitNode} node */
  const boxHeight = ({ locks }) => HEAD_HEIGHT + locks.size * rowHeight + FOOT_HEIGHT;
  /** @param {readonly WaitNode[]} column */
  const heightOf = (column) => column.reduce((sum, node) => sum + boxHeight(node) + ROW_GAP, -ROW_GAP);
  /** @type {Map<string, PlacedBox>} */
  const boxes = new Map();
  let width = 0;
  let y = MARGIN;
  for (const columns of groups) {
    const heights = columns.map(heightOf);
    const height = Math.max(...heights);
    columns.forEach((column, index) => {
      let top = y + (height - (heights[index] ?? 0)) / 2;
      for (const node of column) {
        const x = MARGIN + index * (boxWidth + columnGap);
        boxes.set(node.id, {
          node,
          x,
          y: top,
          width: boxWidth,
          height: boxHeight(node),
          rowHeight,
          isNarrow,
        });
        top += boxHeight(node) + ROW_GAP;
        width = Math.max(width, x + boxWidth + MARGIN);
      }
    });
    y += height + GROUP_GAP;
  }
  return {
    boxes: [...boxes.values()],
    arrows: placeArrows(boxes, arrows),
    width,
    height: y - GROUP_GAP + MARGIN,
  };
}

/**
 * Widths that fill the room, within limits that look good.
 *
 * @param {number} columns
 * @param {number} room
 */
function widthsFor(columns, room) {
  /** @param {number} gap */
  const shareOf = (gap) => Math.floor((room - 2 * MARGIN - (columns - 1) * gap) / columns);
  const columnGap = shareOf(COLUMN_GAPS.max) < NARROW ? COLUMN_GAPS.min : COLUMN_GAPS.max;
  return { columnGap, boxWidth: Math.max(BOX_WIDTHS.min, Math.min(shareOf(columnGap), BOX_WIDTHS.max)) };
}

/**
 * The middle of a lock's row in its box.
 *
 * @param {PlacedBox} box
 * @param {string} key
 */
export function rowMiddle({ node, y, rowHeight }, key) {
  return y + HEAD_HEIGHT + ([...node.locks.keys()].indexOf(key) + 0.5) * rowHeight;
}

/**
 * @param {Map<string, PlacedBox>} boxes
 * @param {readonly WaitArrow[]} arrows
 */
function placeArrows(boxes, arrows) {
  /** @type {PlacedArrow[]} */
  const placed = [];
  for (const arrow of arrows) {
    const from = boxes.get(arrow.from);
    const to = boxes.get(arrow.to);
    if (from === undefined || to === undefined) continue;
    placed.push({
      arrow,
      from: { x: from.x + from.width, y: rowMiddle(from, arrow.key) },
      to: { x: to.x, y: rowMiddle(to, arrow.key) },
      below: Math.max(from.y + from.height, to.y + to.height) + GROUP_GAP / 3,
    });
  }
  return placed;
}

/**
 * Groups of nodes that arrows connect, in either direction.
 *
 * @param {readonly WaitNode[]} nodes
 * @param {readonly WaitArrow[]} arrows
 */
function groupsOf(nodes, arrows) {
  /** @type {Map<string, Set<string>>} */
  const neighbors = new Map(nodes.map(({ id }) => [id, new Set()]));
  for (const { from, to } of arrows) {
    neighbors.get(from)?.add(to);
    neighbors.get(to)?.add(from);
  }
  /** @type {Set<string>} */
  const seen = new Set();
  /** @type {WaitNode[][]} */
  const groups = [];
  for (const { id } of nodes) {
    if (seen.has(id)) continue;
    const group = new Set([id]);
    // A set may grow while it is iterated.
    for (const each of group) for (const neighbor of neighbors.get(each) ?? []) group.add(neighbor);
    for (const each of group) seen.add(each);
    groups.push(nodes.filter((node) => group.has(node.id)));
  }
  return groups;
}

/**
 * A group in columns. Nodes that wait for no other are in the last one; each other node stands as near as
 * possible to what it waits for.
 *
 * @param {readonly WaitNode[]} group
 * @param {readonly WaitArrow[]} arrows
 */
function columnsOf(group, arrows) {
  /** @type {Map<string, number>} */
  const steps = new Map();
  /** @type {Set<string>} */
  const path = new Set();
  /** @type {(id: string) => number} */
  const stepsOf = (id) => {
    const known = steps.get(id);
    if (known !== undefined) return known;
    path.add(id);
    // An arrow that leads back into the path closes a cycle, and does not affect the order.
    const next = arrows
      .filter(({ from, to }) => from === id && !path.has(to))
      .map(({ to }) => stepsOf(to) + 1);
    path.delete(id);
    const own = Math.max(0, ...next);
    steps.set(id, own);
    return own;
  };
  const last = Math.max(...group.map(({ id }) => stepsOf(id)));
  /** @type {WaitNode[][]} */
  const columns = Array.from({ length: last + 1 }, () => []);
  for (const node of group) columns[last - stepsOf(node.id)]?.push(node);
  straighten(columns, arrows);
  return columns;
}

/**
 * Sorts waiters by the places of what they wait for, from the last column to the first, so that few arrows
 * cross.
 *
 * @param {WaitNode[][]} columns
 * @param {readonly WaitArrow[]} arrows
 */
function straighten(columns, arrows) {
  /** @type {Map<string, number>} */
  const heights = new Map();
  for (const column of columns.toReversed()) {
    const wanted = new Map(
      column.map(({ id }, index) => {
        const targets = arrows.flatMap(({ from, to }) => (from === id ? (heights.get(to) ?? []) : []));
        return [
          id,
          targets.length === 0 ? index : targets.reduce((sum, each) => sum + each, 0) / targets.length,
        ];
      }),
    );
    column.sort((a, b) => (wanted.get(a.id) ?? 0) - (wanted.get(b.id) ?? 0));
    column.forEach(({ id }, index) => heights.set(id, index / column.length));
  }
}
