/** Whether the account gets a new token: a real refresh, under the lock, written. */
import { formatDuration } from '../../core/duration.js';
import { forOnce, refreshNow } from '../refresh-now.js';
import { type AccountCheck, failWith, pass } from './check.js';

export const refreshCheck: AccountCheck = {
  name: 'refresh',
  async run({ account, found, machine: { clock, signal, ui } }) {
    const { store, stored } = found;
    const mustRefresh = ({ version }: typeof stored) => version === stored.version;
    const result = await refreshNow({ account, store, clock, mustRefresh }, ui, signal);
    if (result.kind === 'failed') return failWith(forOnce(result.error));
    const life = formatDuration((result.stored.expiresAt - clock.now()) / 1000);
    const rotated = result.kind === 'refreshed' && result.rotated ? ', and a new refresh token' : '';
    return pass(`a new access token for ${life}${rotated}`);
  },
};
