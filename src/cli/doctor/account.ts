/** Whether the token file and the settings make an account that can be used. */
import { isBroken } from '../../accounts/account.js';
import { type AccountCheck, failWith, pass } from './check.js';

export const accountCheck: AccountCheck = {
  name: 'account',
  looksAt: 'Whether its token file can be read and understood, and no setting is missing.',
  mendedBy: 'What the line says: mostly `mailbearer get-token`, or a key in `accounts`.',
  needs: [],
  async run({ account, found }) {
    if (isBroken(found.account)) return [failWith(found.account.problem)];
    return [pass(`${account.provider.title}, ${found.path}`)];
  },
};
