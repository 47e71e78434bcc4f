/** Whether the account gets a new token: a real refresh, under the lock, written. */
import { formatDuration } from '../../core/duration.js';
import { forOnce, refreshNow } from '../refresh-now.js';
import { type AccountCheck, failWith, pass, usable } from './check.js';

export const refreshCheck: AccountCheck = {
  name: 'refresh',
  looksAt: 'Whether the token endpoint gives a new access token, and it can be written: a real refresh.',
  mendedBy:
    'What the line says; `mailbearer get-token` where the sign-in has ended. See [errors](errors.md).',
  needs: ['account', 'DNS', 'TLS', 'proxy'],
  async run(patient) {
    const { account, machine } = patient;
    const { clock, signal, ui } = machine;
    const found = usable(patient);
    const mustRefresh = ({ version }: typeof found.stored) => version === found.stored.version;
    const result = await refreshNow({ found, context: machine, mustRefresh }, ui, signal);
    if (result.kind === 'failed') return [failWith(forOnce(result.error))];
    const life = formatDuration((result.stored.expiresAt - clock.now()) / 1000);
    const rotated = result.kind === 'refreshed' && result.rotated ? ', and a new refresh token' : '';
    const where = account.tokenStore === 'keyring' ? '; the refresh token is in the keyring' : '';
    return [pass(`a new access token for ${life}${rotated}${where}`)];
  },
};
