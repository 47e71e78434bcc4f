/** Whether the configuration is understood to the last key. That it can be read at all was a condition to get here. */
import { type MachineCheck, fail, pass } from './check.js';

export const configCheck: MachineCheck = {
  name: 'configuration',
  async run({ accounts, config, warnings }) {
    const where = config.source ?? 'no file, defaults';
    const unknown = warnings.map((warning) => fail(warning, 'correct or remove the key'));
    if (accounts.length === 0)
      return [...unknown, fail(`there is no account (${where})`, 'mailbearer get-token --help')];
    const count = accounts.length === 1 ? 'one account' : `${accounts.length} accounts`;
    return [...unknown, pass(`${where}: ${count}`)];
  },
};
