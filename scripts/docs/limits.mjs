// Pages that fit: few lines, short lines.
import { Buffer } from 'node:buffer';
import { isTopic } from './pages.mjs';

const MAX_README_LINES = 200;
const MAX_README_BYTES = 15 * 1024;
const MAX_PAGE_LINES = 300;
const MAX_COLUMNS = 110;

export function checkLimits(pages) {
  return pages.flatMap((page) => [...sizeOf(page), ...widthsOf(page)]);
}

function sizeOf(page) {
  const { path, text } = page;
  const count = text.replace(/\n$/, '').split('\n').length;
  const isReadme = path === 'README.md';
  const max = isReadme ? MAX_README_LINES : isTopic(page) ? MAX_PAGE_LINES : Infinity;
  const found = [];
  if (count > max) {
    found.push({ path, line: max + 1, message: `the page has ${count} lines, and ${max} are allowed` });
  }
  const bytes = Buffer.byteLength(text);
  if (isReadme && bytes > MAX_README_BYTES) {
    found.push({
      path,
      line: 1,
      message: `the page has ${bytes} bytes, and ${MAX_README_BYTES} are allowed`,
    });
  }
  return found;
}

/** Tables and code are as wide as they need to be, and the target of a link cannot be broken. */
function widthsOf({ path, lines }) {
  return lines.flatMap(({ text, number, isCode }) => {
    if (isCode || /^\s*\|/.test(text) || /^\s*<(img|!--)/.test(text)) return [];
    const columns = [...text.replace(/\]\([^)]*\)/g, ']')].length;
    if (columns <= MAX_COLUMNS) return [];
    return [
      { path, line: number, message: `the line has ${columns} columns, and ${MAX_COLUMNS} are allowed` },
    ];
  });
}
