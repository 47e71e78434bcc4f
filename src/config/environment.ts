/**
 * Settings from the environment, for containers: MAILBEARER_SETTINGS is JSON as in the file, comments and all. It wins over
 * the file key by key: objects are merged, everything else is replaced.
 */
import { AppError } from '../core/errors.js';
import { isObject, parseLenientJson } from './lenient-json.js';

export const settingsVariable = 'MAILBEARER_SETTINGS';

/** Undefined where there are none. Throws AppError config-invalid. */
export function settingsOf(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, unknown>> | undefined {
  const text = env[settingsVariable];
  if (text === undefined || text.trim() === '') return undefined;
  const parsed = parseLenientJson(text);
  const problem = parsed.kind === 'value' ? undefined : parsed.problem;
  if (parsed.kind === 'value' && isObject(parsed.value)) return parsed.value;
  throw new AppError('config-invalid', `$${settingsVariable}: ${problem ?? 'it is no JSON object'}`, {
    hint: `it takes what a configuration file takes, such as {"relay":{"listen":"127.0.0.1:2525"}}`,
  });
}

export function merged(below: unknown, above: unknown): unknown {
  if (!isObject(below) || !isObject(above)) return above;
  const keys = Object.keys(above);
  // Own keys only, whatever they are called.
  const changed = keys.map((key) => [
    key,
    Object.hasOwn(below, key) ? merged(below[key], above[key]) : above[key],
  ]);
  return { ...below, ...(Object.fromEntries(changed) as object) };
}
