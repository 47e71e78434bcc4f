/**
 * Whether the token endpoint can be reached: DNS, proxy, TLS and its authorities, all by one request that asks for
 * nothing, and whether this machine's clock agrees with the answer's.
 */
import { formatDuration } from '../../core/duration.js';
import { describeCause } from '../../core/errors.js';
import { post } from '../../oauth/http.js';
import { type AccountCheck, fail, pass, skip } from './check.js';

/** Beyond this a token that has expired looks fresh, and the other way round. */
const mostSkewMs = 60_000;
const timeoutMs = 15_000;

export const endpointCheck: AccountCheck = {
  name: 'token endpoint',
  async run({ account, machine: { clock, signal } }) {
    const { client, grant } = account;
    if (grant.kind === 'command') return skip('its tokens come from token_command');
    const { origin } = client.tokenEndpoint;
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
    const through = client.proxy === undefined ? '' : ` through ${client.proxy.host}`;
    try {
      const { date, status } = await post(client.tokenEndpoint, headers, '', client, {
        clock,
        timeoutMs,
        signal,
      });
      if (status >= 500 || status === 404)
        return fail(`${origin} answers HTTP ${status}${through}`, 'check token_endpoint, or try again later');
      const skewMs = date === undefined ? 0 : Math.abs(clock.now() - Date.parse(date));
      if (skewMs > mostSkewMs)
        return fail(
          `this machine's clock is ${formatDuration(skewMs / 1000)} away from ${origin}'s`,
          'timedatectl set-ntp true',
        );
      return pass(`${origin} answers${through}, and the clocks agree`);
    } catch (error) {
      const cause = describeCause(error);
      const mistrust = /certificate|self.signed|issuer/i.test(cause);
      return fail(
        `${origin}${through}: ${cause}`,
        mistrust
          ? 'name whom to trust in ca_bundle_file; on Debian: apt-get install ca-certificates'
          : `check DNS, network and "proxy": getent hosts ${client.tokenEndpoint.hostname}`,
      );
    }
  },
};
