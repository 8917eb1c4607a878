import { writeFileSync } from 'node:fs';
import { publicApi } from './public-api.js';

writeFileSync(new URL('./public-api.md', import.meta.url), await publicApi());
