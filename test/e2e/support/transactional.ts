import 'reflect-metadata';

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;

/**
 * Wraps a method as typeorm-transactional does: a new function with the name and the metadata of the old one.
 */
export function Transactional(): MethodDecorator {
  return wrap((method, wrapper) => {
    for (const key of Reflect.getMetadataKeys(method) as unknown[]) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, method), wrapper);
    }
    Object.defineProperty(wrapper, 'name', { value: method.name });
  });
}

/** A wrapper that forgets the metadata of what it wraps. */
export function Forgetful(): MethodDecorator {
  return wrap(() => undefined);
}

function wrap(finish: (method: Method, wrapper: Method) => void): MethodDecorator {
  return (_target, _propertyKey, descriptor) => {
    const method = descriptor.value as Method;
    const wrapper: Method = async function (...args) {
      return Reflect.apply(method, this, args);
    };
    finish(method, wrapper);
    descriptor.value = wrapper as never;
  };
}
