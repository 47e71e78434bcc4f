/**
 * The library surface: what a program may rely on when it imports `mailbearer`. Re-exports only; everything else
 * in the package is private. Types and the failure table for now: `serve` as a function comes with its options.
 */
export {
  AppError,
  describeCause,
  exitStatus,
  type Failure,
  type FailureCode,
  failures,
  type Remedy,
} from './core/errors.js';
export { Secret } from './core/secret.js';
export type { MechanismName, SmtpHost, TlsMode } from './providers/provider.js';
