/** The name of a method in messages: `Reports.nightly`. */
export function describeMethod(instance: object, methodName: string): string {
  const { constructor } = instance;
  // The class of a plain object says nothing.
  return constructor === Object ? methodName : `${constructor.name}.${methodName}`;
}
