import type { ModuleRef } from '@nestjs/core';

/** The `EntityManager` that the test provides to Nest, if it does, and if TypeORM is installed. */
export async function findEntityManager(moduleRef: ModuleRef): Promise<object | undefined> {
  try {
    const { EntityManager } = await import('typeorm');
    return moduleRef.get<object>(EntityManager, { strict: false });
  } catch {
    return undefined;
  }
}
