import { expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { publicApi } from './api/public-api.js';
import { requireFreshBuild } from './fresh-build.js';

it('the public API is what was agreed on; `npm run api:update` agrees on another one', async () => {
  requireFreshBuild('library');
  const agreed = readFileSync(new URL('./api/public-api.md', import.meta.url), 'utf8');
  expect(await publicApi()).toBe(agreed);
});
