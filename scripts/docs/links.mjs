// Every relative link and anchor leads somewhere.
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { anchorsOf } from './pages.mjs';

export function checkLinks(pages, { root }) {
  const anchors = new Map(pages.map((page) => [page.path, anchorsOf(page)]));
  return pages.flatMap((page) =>
    linksOf(page).flatMap(({ target, line }) => {
      const wrong = wrongIn(target, page.path, root, anchors);
      return wrong === undefined ? [] : [{ path: page.path, line, message: wrong }];
    }),
  );
}

function linksOf({ lines }) {
  return lines.flatMap(({ text, number, isCode }) => {
    if (isCode) return [];
    const prose = text.replace(/`[^`]*`/g, '``');
    const found = [
      ...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g),
      ...prose.matchAll(/^\s*\[[^\]]+\]:\s*(\S+)/g),
      ...prose.matchAll(/<(?:img|a)\s[^>]*(?:src|href)="([^"]+)"/g),
    ];
    return found.map(([, target]) => ({ target, line: number }));
  });
}

function wrongIn(target, path, root, anchors) {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [file, anchor] = target.split('#', 2);
  const to = file === '' ? path : posix.normalize(posix.join(posix.dirname(path), decodeURI(file)));
  if (to.startsWith('..')) return `the link ${target} leaves the repository`;
  if (!existsSync(join(root, to))) return `the link ${target} leads to ${to}, which does not exist`;
  if (anchor === undefined || !anchors.has(to) || anchors.get(to).has(anchor)) return undefined;
  return `the link ${target} leads to #${anchor}, but ${to} has no such heading`;
}
