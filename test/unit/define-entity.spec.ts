import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { defineEntity } from '../../lib/jobs/records/define-entity.js';

const scope = globalThis as { typeormMetadataArgsStorage?: object | undefined };
let before: PropertyDescriptor | undefined;

beforeEach(() => {
  before = Object.getOwnPropertyDescriptor(scope, 'typeormMetadataArgsStorage');
  delete scope.typeormMetadataArgsStorage;
});

afterEach(() => {
  delete scope.typeormMetadataArgsStorage;
  if (before !== undefined) Object.defineProperty(scope, 'typeormMetadataArgsStorage', before);
});

class One {
  id = '';
}
class Other extends One {}
class Later extends One {}

it('an entity is known to TypeORM, whether that is loaded before it, after it, or never', () => {
  defineEntity(One, 'one', { id: { type: 'text', primary: true } });
  defineEntity(Other, 'other', {});
  expect(scope.typeormMetadataArgsStorage).toBeUndefined();

  // As in globals.js of TypeORM.
  const storage = (scope.typeormMetadataArgsStorage ??= { tables: [], columns: [] });
  expect(scope.typeormMetadataArgsStorage).toBe(storage);
  defineEntity(Later, 'later', {});
  expect(storage).toEqual({
    tables: [
      { target: One, name: 'one', type: 'regular' },
      { target: Other, name: 'other', type: 'regular' },
      { target: Later, name: 'later', type: 'regular' },
    ],
    columns: [{ target: One, propertyName: 'id', mode: 'regular', options: { type: 'text', primary: true } }],
  });
  expect(Object.getOwnPropertyDescriptor(scope, 'typeormMetadataArgsStorage')).toMatchObject({
    value: storage,
    writable: true,
    enumerable: true,
  });
});
