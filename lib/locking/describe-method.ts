/** The name of a method in messages: `Reports.nightly`. */
export function describeMethod(instance: object, methodName: string): string {
  const { constructor } = instance as { constructor?: unknown };
  // The class of a plain object says nothing.
  return typeof constructor !== 'function' || constructor === Object
    ? methodName
    : `${constructor.name}.${methodName}`;
}
