/** The lines about the way to the token endpoint: clock, DNS, TLS, proxy, and whether it answers. way.ts goes it. */
import type { AccountCheck, WayToEndpoint } from './check.js';

function stationCheck(
  station: keyof WayToEndpoint,
  description: Pick<AccountCheck, 'name' | 'looksAt' | 'mendedBy'>,
): AccountCheck {
  return { ...description, needs: [], run: async ({ way }) => [(await way())[station]] };
}

export const clockCheck = stationCheck('clock', {
  name: 'clock',
  looksAt:
    "Whether this machine's clock agrees, to a minute, with the Date of the token endpoint's answer; even where its certificate is not trusted.",
  mendedBy: '`timedatectl set-ntp true`',
});

export const dnsCheck = stationCheck('dns', {
  name: 'DNS',
  looksAt: 'The address of the token endpoint, or of the proxy, which looks up the rest.',
  mendedBy: '`/etc/resolv.conf`, or a misspelt `token_endpoint` or `proxy`: `getent hosts NAME` shows it.',
});

export const tlsCheck = stationCheck('tls', {
  name: 'TLS',
  looksAt: 'The certificate of the token endpoint: who signed it, for which name, and until when.',
  mendedBy: '`ca_bundle_file` or `ca_certs_dir` with the authority; the clock; the host in `token_endpoint`.',
});

export const proxyCheck = stationCheck('proxy', {
  name: 'proxy',
  looksAt: 'Whether the proxy, where one is set, lets connections to the token endpoint through.',
  mendedBy: '`proxy`: its host, its port, and `http://USER:PASSWORD@…` where it wants a sign-in.',
});

export const endpointCheck = stationCheck('endpoint', {
  name: 'token endpoint',
  looksAt: 'Whether it answers a request that asks for nothing.',
  mendedBy: '`token_endpoint`, or the firewall; HTTP 500 and above passes, as a rule.',
});
