/** What is the same for all accounts of a configuration, made once. */
import type { Config } from './config.js';

/**
 * `make`, with what it made kept as long as the configuration is: of thousands of accounts most have the same provider
 * and the same endpoints, and a copy for each would take more memory than their tokens.
 */
export function perConfig<Value>(
  make: (config: Config, key: string) => Value,
): (config: Config, key: string) => Value {
  const made = new WeakMap<Config, Map<string, Value>>();
  return (config, key) => {
    let ofConfig = made.get(config);
    if (ofConfig === undefined) made.set(config, (ofConfig = new Map<string, Value>()));
    let value = ofConfig.get(key);
    if (value === undefined) ofConfig.set(key, (value = make(config, key)));
    return value;
  };
}
