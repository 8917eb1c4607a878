import type { HttpServer } from '@nestjs/common';

/** The paths below a route, on the method that handles them. */
const PATHS_BELOW = Symbol('paths below a route');

/**
 * The metadata key from which @nestjs/platform-fastify reads the constraints of a route. With a constraint
 * that is always met, Fastify accepts the path with a slash as another route even when it ignores trailing
 * slashes. Without it, Fastify would refuse the second route as a duplicate.
 */
const FASTIFY_CONSTRAINTS = '__fastify_route_constraints__';

type Handler = (request: object, ...rest: unknown[]) => unknown;
type Register = (path: string, handler: Handler) => unknown;

/** Which path below its route a request was for. */
const requested = new WeakMap<object, string>();

/** Adapters between {@link registerPathsBelow} and its end. */
const extended = new WeakSet();

/**
 * Lets the handler of a route of `@All()` serve paths below it, too: for Nest, and so in its log, they are
 * one route with one pipeline of guards and filters. A wildcard would be, too, and would hide routes of the
 * application below the same path.
 */
export function setPathsBelow(method: object, paths: readonly string[]): void {
  Reflect.defineMetadata(PATHS_BELOW, paths, method);
}

/** The path below its route that the request was for: `'page.js'`; `''` for the route itself. */
export function pathBelowOf(request: object): string {
  return requested.get(request) ?? '';
}

/**
 * Makes the adapter register, with each route, the paths below it, until the returned function is called.
 * Nest offers no way to give a route several paths without a line in the log for each.
 */
export function registerPathsBelow(adapter: HttpServer): () => void {
  if (extended.has(adapter)) return () => undefined;
  extended.add(adapter);
  const before = Object.getOwnPropertyDescriptor(adapter, 'all');
  const register = (adapter.all as Register).bind(adapter);
  const all: Register = (path, handler) => {
    const paths = pathsBelow(handler);
    if (paths !== undefined) registerBelow(register, path, handler, paths);
    return register(path, handler);
  };
  Object.defineProperty(adapter, 'all', { value: all, configurable: true, writable: true });
  return () => {
    extended.delete(adapter);
    if (before === undefined) Reflect.deleteProperty(adapter, 'all');
    else Object.defineProperty(adapter, 'all', before);
  };
}

function pathsBelow(handler: unknown): readonly string[] | undefined {
  if (typeof handler !== 'function') return undefined;
  return Reflect.getMetadata(PATHS_BELOW, handler) as readonly string[] | undefined;
}

function registerBelow(register: Register, route: string, handler: Handler, paths: readonly string[]): void {
  for (const path of paths) {
    register(`${route}/${path}`, (request, ...rest) => {
      requested.set(request, path);
      return handler(request, ...rest);
    });
  }
  const withSlash: Handler = (...args) => handler(...args);
  Reflect.defineMetadata(FASTIFY_CONSTRAINTS, { host: /^/ }, withSlash);
  register(`${route}/`, withSlash);
}
