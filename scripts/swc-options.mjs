/** How TypeScript runs without tsc: under Jest, and in the processes that tests and scripts start. */
export const swcOptions = {
  swcrc: false,
  // Apart from the code, which every process reads: inline, the map is the larger part of it.
  sourceMaps: true,
  jsc: {
    target: 'es2022',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'es6' },
};
