/**
 * The library surface: what a program may rely on when it imports `mailbearer`, described in docs/library.md. Re-exports
 * only; everything else in the package is private.
 */
export { AppError, type Failure, type FailureCode, type Remedy } from './core/errors.js';
export {
  type Token,
  type TokenRequest,
  TokenSource,
  type TokenSourceOptions,
} from './library/token-source.js';
