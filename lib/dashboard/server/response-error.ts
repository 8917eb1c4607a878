import {
  type HttpException,
  ServiceUnavailableException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { LockConfigurationError, messageOf, printable } from '../../core/index.js';

/** The response to a valid request that could not be carried out. */
export function responseErrorOf(error: unknown): HttpException {
  const Exception =
    error instanceof LockConfigurationError ? UnprocessableEntityException : ServiceUnavailableException;
  return new Exception(printable(messageOf(error)), { cause: error });
}
