import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findBuild } from '../bench/baseline/build.js';
import { cellsOf, medianRow } from '../bench/baseline/comparison.js';
import { measureInRounds } from '../bench/rounds.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bench-baseline-')));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A folder with these files. */
function folderWith(name: string, files: Record<string, object | string>): string {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  }
  return join(folder, name);
}

const manifest = {
  name: 'nestjs-advisory-lock',
  version: '0.0.9',
  bin: { 'nestjs-advisory-lock': 'cli.js' },
};
const dist = { 'dist/esm/index.js': '' };
const peersWithout = (missing?: string) =>
  Object.fromEntries(
    ['@nestjs/common', '@nestjs/core', '@nestjs/typeorm', 'pg', 'reflect-metadata', 'typeorm']
      .filter((name) => name !== missing)
      .map((name) => [`node_modules/${name}/package.json`, { version: '1.2.3' }]),
  );
const peers = peersWithout();

describe('the build to compare with', () => {
  it('is one that has its peers', () => {
    const build = folderWith('whole', { 'package.json': manifest, ...dist, ...peers });
    const found = findBuild('baseline', build);
    expect(found).toMatchObject({ title: 'baseline', build, cli: join(build, 'cli.js') });
    expect(found.description).toContain(`baseline: 0.0.9 in ${build}, with @nestjs/common 1.2.3,`);
  });

  it.each([
    [
      'a folder that is not there',
      {},
      /must have a build .* received ".*", which has no package\.json\. Name/,
    ],
    [
      'another package',
      { 'package.json': { name: 'redlock' }, ...dist },
      /received ".*", which is the package "redlock"\. Name the folder/,
    ],
    [
      'a checkout without a build',
      { 'package.json': manifest, ...peers },
      /received ".*", which has no dist\/esm\/index\.js\. Run `npm install && npm run build` there\./,
    ],
    [
      'a package without a peer',
      { 'package.json': manifest, ...dist, ...peersWithout('typeorm') },
      /where typeorm cannot be found\. Run `npm install --no-save typeorm` there\./,
    ],
  ])('is not %s', (name, files, message) => {
    expect(() => findBuild('baseline', folderWith(name, files))).toThrow(message);
  });
});

describe('rounds', () => {
  it('alternate their order, and the first does not count', async () => {
    const order: string[] = [];
    const samples = await measureInRounds(['this', 'other'], 3, (candidate) =>
      Promise.resolve(order.push(candidate)),
    );
    expect(order).toEqual(['this', 'other', 'other', 'this', 'this', 'other', 'other', 'this']);
    expect([...samples]).toEqual([
      ['this', [4, 5, 8]],
      ['other', [3, 6, 7]],
    ]);
  });
});

describe('a row of the comparison', () => {
  it('has the median of this build, that of the baseline and the ratio of the two', () => {
    const samples = new Map([
      ['this build', [3_000, 9_000, 2_000]],
      ['baseline', [24, 20, 99]],
    ]);
    const row = medianRow('locks/s', '↑', samples, (rate) => rate);
    expect(row).toEqual({ title: 'locks/s', better: '↑', thisBuild: 3_000, baseline: 24 });
    expect(cellsOf(row)).toEqual(['3,000', '24.0', '125.00']);
  });
});
