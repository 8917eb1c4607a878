// `node --import ./scripts/typescript.mjs file.ts` runs a TypeScript module of this repository.
import { register } from 'node:module';
import './map-stacks.mjs';

register('./typescript-hooks.mjs', import.meta.url);
