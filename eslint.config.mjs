import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores([
    '**/dist/',
    'docs/api/',
    '**/node_modules/',
    'test/package/fixtures/',
    'test/bench/rivals/',
  ]),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // Prettier wraps code, but neither comments nor strings. Regular expressions and the reasons of
      // expected errors cannot be wrapped.
      'max-len': [
        'error',
        { code: 110, ignoreUrls: true, ignoreRegExpLiterals: true, ignorePattern: '// @ts-expect-error \\d' },
      ],
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // Options of Nest and TypeORM are classes or interfaces of both kinds, and are given as literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    // Runs in browsers as it is. The compiler knows the globals, by the tsconfig.json beside it.
    files: ['lib/dashboard/page/*.js'],
    rules: { 'no-undef': 'off' },
  },
  {
    files: ['**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { exports: 'readonly', __dirname: 'readonly' } },
  },
);
