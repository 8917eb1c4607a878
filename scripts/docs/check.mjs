// node scripts/docs/check.mjs [--only links,limits,words,snippets,reference,docstrings] [--root <folder>]
//
// Checks the pages: links and anchors, sizes, words, snippets against the public types, and the reference
// against the code. And the docstrings of public symbols: what the API reference is built from. Prints
// file:line and what is wrong, and exits with 1 when anything is.
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { checkLimits } from './limits.mjs';
import { checkLinks } from './links.mjs';
import { readPages } from './pages.mjs';
import { checkWords } from './words.mjs';

const ALL = ['links', 'limits', 'words', 'snippets', 'reference', 'docstrings'];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: ALL.join(',') },
    root: { type: 'string', default: fileURLToPath(new URL('../..', import.meta.url)) },
  },
});
const wanted = values.only.split(',');
const unknown = wanted.find((name) => !ALL.includes(name));
if (unknown !== undefined)
  throw new Error(`--only must name some of ${ALL.join(', ')}, received "${unknown}"`);

const root = values.root.replace(/\/$/, '');
const pages = readPages(root);
const violations = [];
if (wanted.includes('links')) violations.push(...checkLinks(pages, { root }));
if (wanted.includes('limits')) violations.push(...checkLimits(pages));
if (wanted.includes('words')) violations.push(...checkWords(pages));
if (['snippets', 'reference', 'docstrings'].some((name) => wanted.includes(name))) {
  // The compiler takes a second to load, which the others do without.
  const { checkSnippets, createProgram } = await import('./snippets.mjs');
  const { checkReference } = await import('./reference.mjs');
  const { checkDocstrings } = await import('./docstrings.mjs');
  const compiled = createProgram(pages, { root });
  if (wanted.includes('snippets')) violations.push(...checkSnippets(compiled));
  if (wanted.includes('reference')) violations.push(...checkReference(pages, compiled, { root }));
  if (wanted.includes('docstrings')) violations.push(...checkDocstrings(compiled, { root }));
}

for (const { path, line, message } of violations) console.log(`${path}:${line}: ${message}`);
const snippets = pages.flatMap(({ fences }) => fences).filter(({ language }) => language === 'ts').length;
console.log(`${pages.length} pages, ${snippets} snippets: ${violations.length} violations`);
process.exitCode = violations.length > 0 ? 1 : 0;
