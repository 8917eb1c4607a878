import type { Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

/** What all modules of the application provide under a token. */
export function findAll<T>(moduleRef: ModuleRef, token: Type<T> | string): readonly T[] {
  try {
    return moduleRef.get<T, T>(token, { strict: false, each: true });
  } catch {
    return [];
  }
}
