// `node --import ./scripts/typescript.mjs file.ts` runs a TypeScript module of this repository from its source.
import { register } from 'node:module';
import './map-stacks.mjs';

register('./typescript-hooks.mjs', import.meta.url);
