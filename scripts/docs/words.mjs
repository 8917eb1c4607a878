// The words of the glossary: what the field does not say is not said here either.
// What is quoted or set in code may say it.
import { proseOf } from './pages.mjs';

/** What is not said, and what is said instead. */
const PHRASES = [
  [/\banswers\b/i, 'returns, resolves to, rejects with'],
  [
    /\bwho(ever)? (waits?|holds?|asks?|has|wants|comes?|leads|runs|fires|says|reads|looks|had|took)\b/i,
    'the waiter, the holder, callers that …',
  ],
  [/\b(he|him|his|she|her)\b/i, 'it'],
  [/\b(nobody|somebody|everybody|anybody)\b/i, 'no one else, another process, every …'],
  [/\belsewhere\b/i, 'in another process or instance'],
  [/\bfor ?ever\b/i, 'permanently, without an end'],
  [/\banew\b/i, 'again'],
  [/\bas long as\b[^.]*\b(not|no one)\b/i, 'while, until'],
  [/\binside of\b/i, 'inside'],
  [/\b(tells?|told|telling|tellers?)\b/i, 'notifies, reports, publishes, says'],
  [/\b(wish|wishes|wished)\b/i, 'request, option'],
  [/\bcampaign of a (lock|key)\b/i, 'queued acquisition'],
  [/\bhas to be\b.*\bcame\b/i, 'must be …, received …'],
  [/\b(perform|performs) (its|the) dut/i, 'runs the handlers'],
  [/\b(most|longest|least)_[A-Z]/, 'MAX_…, MIN_…'],
  [/\bbequeath/i, 'promote'],
  [/\broll[- ]call\b/i, 'query of the fleet'],
  [/\bcluster(s|-wide)?\b/i, 'fleet (a cluster is what Postgres or Patroni runs)'],
  [/\bcomplain/i, 'reports, prints'],
  [/\bshall\b/i, 'must, can'],
];

/** Where a word is another system's own. */
const ALLOWED = [/\b(Patroni|Postgres|PostgreSQL|Kubernetes|etcd) clusters?\b/gi];

export function checkWords(pages) {
  return pages.flatMap(({ path, lines }) =>
    lines.flatMap(({ text, number, isCode }) => {
      if (isCode || /^\s*>/.test(text)) return [];
      const prose = ALLOWED.reduce((rest, allowed) => rest.replace(allowed, ''), proseOf(text));
      return PHRASES.flatMap(([phrase, instead]) => {
        const found = phrase.exec(prose);
        return found === null ? [] : [{ path, line: number, message: `"${found[0]}": say ${instead}` }];
      });
    }),
  );
}
