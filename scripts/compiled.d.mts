/** The JavaScript of a TypeScript file of this repository, newly made where the source has changed. */
export function compiled(path: string): string;
