/** Whether the configuration is understood to the last key. One that cannot be read is runDoctor's to say. */
import { type MachineCheck, fail, pass } from './check.js';

export const configCheck: MachineCheck = {
  name: 'configuration',
  looksAt:
    'Whether the configuration can be read, each of its keys means something, and there is an account.',
  mendedBy: 'Correct or remove the key that is named; `mailbearer get-token` makes the first account.',
  async run({ accounts, config, warnings }) {
    const where = config.source ?? 'no file, defaults';
    const unknown = warnings.map((warning) => fail(warning, 'correct or remove the key'));
    if (accounts.length === 0)
      return [...unknown, fail(`there is no account (${where})`, 'mailbearer get-token --help')];
    const count = accounts.length === 1 ? 'one account' : `${accounts.length} accounts`;
    return [...unknown, pass(`${where}: ${count}`)];
  },
};
