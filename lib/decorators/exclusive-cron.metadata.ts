import 'reflect-metadata';

const ON_METHOD = Symbol.for('nestjs-advisory-lock:exclusive-cron');
const ON_CLASS = Symbol.for('nestjs-advisory-lock:exclusive-crons');

/** Notes that the method is an exclusive cron job: on the function, and on the class for who looks for such methods. */
export function markExclusiveCron(
  prototype: object,
  propertyKey: string | symbol,
  descriptor: PropertyDescriptor,
): void {
  Reflect.defineMetadata(ON_METHOD, true, descriptor.value as object);
  Reflect.defineMetadata(ON_CLASS, [...exclusiveCronsOf(prototype), propertyKey], prototype);
}

export function hasExclusiveCron(method: unknown): boolean {
  return typeof method === 'function' && Reflect.hasMetadata(ON_METHOD, method);
}

/** The names of a class' exclusive cron methods, inherited ones included. */
export function exclusiveCronsOf(prototype: object): readonly (string | symbol)[] {
  return (Reflect.getMetadata(ON_CLASS, prototype) as readonly (string | symbol)[] | undefined) ?? [];
}
