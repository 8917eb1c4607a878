// Reads Markdown pages: what is prose, what is code, which anchors a page has.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * @typedef {object} Line
 * @property {string} text
 * @property {number} number - counted from 1
 * @property {boolean} isCode - inside a fence, or one of its two marks
 *
 * @typedef {object} Fence
 * @property {string} language
 * @property {number} line - of the first line inside
 * @property {string[]} lines
 *
 * @typedef {object} Page
 * @property {string} path - relative to the root
 * @property {string} text
 * @property {Line[]} lines
 * @property {Fence[]} fences
 *
 * @typedef {object} Violation
 * @property {string} path
 * @property {number} line
 * @property {string} message
 */

/** Built, not written. */
const BUILT = ['docs/api'];

/** All pages of the project, the README first. */
export function readPages(root) {
  const names = readdirSync(root).filter((name) => name.endsWith('.md'));
  names.sort(
    (one, other) => Number(other === 'README.md') - Number(one === 'README.md') || (one < other ? -1 : 1),
  );
  const paths = [...names, ...markdownIn(root, 'docs')];
  return paths.map((path) => readPage(path, readFileSync(join(root, path), 'utf8')));
}

function markdownIn(root, folder) {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const path = relative(root, join(root, folder, entry.name)).replaceAll('\\', '/');
      if (entry.isDirectory()) return BUILT.includes(path) ? [] : markdownIn(root, path);
      return entry.name.endsWith('.md') ? [path] : [];
    });
}

/** @returns {Page} */
export function readPage(path, text) {
  const lines = [];
  const fences = [];
  let open;
  text.split('\n').forEach((content, index) => {
    const mark = /^ *(`{3,}|~{3,})\s*(\S*)/.exec(content);
    const isMark = mark !== null && (open === undefined || (mark[1].startsWith(open.mark) && mark[2] === ''));
    lines.push({ text: content, number: index + 1, isCode: open !== undefined || isMark });
    if (isMark && open === undefined) {
      open = { mark: mark[1], language: mark[2], line: index + 2, lines: [] };
    } else if (isMark) {
      fences.push({ language: open.language, line: open.line, lines: open.lines });
      open = undefined;
    } else open?.lines.push(content);
  });
  return { path, text, lines, fences };
}

/** Whether it is one of the pages that users read: the README and the topics, not the decision records. */
export function isTopic({ path }) {
  return /^docs\/[^/]+\.md$/.test(path);
}

/** The cells of a line of a table; `undefined` for any other line. */
export function cellsOf(text) {
  const row = /^\s*\|(.*)\|\s*$/.exec(text);
  return row?.[1].split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** Without what is set in code, quoted, a comment, or the target of a link. */
export function proseOf(text) {
  return text
    .replace(/<!--.*?-->/g, '')
    .replace(/`[^`]*`/g, '')
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/"[^"]*"|“[^”]*”/g, '""');
}

/** The anchors that GitHub gives the headings of a page, and those that are written as HTML. */
export function anchorsOf({ lines }) {
  const anchors = new Set();
  const count = new Map();
  for (const { text, isCode } of lines) {
    if (isCode) continue;
    for (const [, id] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
    const heading = /^#{1,6} +(.*?) *#*$/.exec(text);
    if (heading === null) continue;
    const slug = slugOf(heading[1]);
    const before = count.get(slug) ?? 0;
    count.set(slug, before + 1);
    anchors.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return anchors;
}

function slugOf(heading) {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-');
}
