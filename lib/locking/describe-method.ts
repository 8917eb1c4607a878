/** What a method is called in messages: `Reports.nightly`. */
export function describeMethod(instance: object, methodName: string): string {
  const { constructor } = instance;
  // Of an object without a class of its own, the method's name says all.
  return constructor === Object ? methodName : `${constructor.name}.${methodName}`;
}
