/** What the decorators of TypeORM collect. */
interface MetadataArgs {
  readonly tables: object[];
  readonly columns: object[];
}

type Column = Readonly<Record<string, unknown>> & { readonly type: string };

/** Where all copies of TypeORM in a process find it; the first that needs it creates it. */
const STORAGE = 'typeormMetadataArgsStorage';

/**
 * Makes a class an entity, as the decorators of TypeORM do, and does not load TypeORM, which an application
 * need not have. The entity is known from the moment at which TypeORM collects the first decorator, or builds
 * the metadata of a data source.
 *
 * @see https://github.com/typeorm/typeorm/blob/master/src/globals.ts
 */
export function defineEntity(
  target: abstract new () => unknown,
  name: string,
  columns: Readonly<Record<string, Column>>,
): void {
  whenCreated((storage) => {
    storage.tables.push({ target, name, type: 'regular' });
    for (const [propertyName, options] of Object.entries(columns)) {
      storage.columns.push({ target, propertyName, mode: 'regular', options });
    }
  });
}

/** Calls back at once, or when TypeORM assigns the storage, which makes it an ordinary property again. */
function whenCreated(onCreated: (storage: MetadataArgs) => void): void {
  const scope = globalThis as { [STORAGE]?: MetadataArgs };
  const existing = scope[STORAGE];
  if (existing !== undefined) {
    onCreated(existing);
    return;
  }
  // Of another copy of this package.
  const earlier = Object.getOwnPropertyDescriptor(scope, STORAGE);
  Object.defineProperty(scope, STORAGE, {
    configurable: true,
    get: () => undefined,
    set(storage: MetadataArgs) {
      const property = { value: storage, configurable: true, enumerable: true, writable: true };
      earlier?.set?.call(scope, storage);
      Object.defineProperty(scope, STORAGE, property);
      onCreated(storage);
    },
  });
}
