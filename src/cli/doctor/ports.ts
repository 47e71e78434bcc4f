/** Whether the relay's own ports have certificates that hold, and no port is open by mistake. */
import { examineListeners } from '../listener-findings.js';
import { fail, failWith, type MachineCheck, pass, skip } from './check.js';

export const portsCheck: MachineCheck = {
  name: 'ports',
  looksAt:
    'The entries of `relay.listen`: certificates, their keys and how long they hold, the accounts that are named, and ports that are open to all.',
  mendedBy: 'A renewed certificate; the key that the line names. See [listeners](listeners.md).',
  async run({ accounts, clock, config }) {
    const known = accounts.map(({ account }) => account);
    const { errors, good, warnings } = await examineListeners(config, known, clock.now());
    const verdicts = [
      ...errors.map((error) => failWith(error)),
      ...warnings.map(({ hint, message }) => fail(message, hint)),
      ...good.map((message) => pass(message)),
    ];
    return verdicts.length > 0 ? verdicts : [skip('none with TLS or a choice of accounts')];
  },
};
