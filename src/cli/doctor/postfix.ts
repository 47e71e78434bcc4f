/** Whether Postfix, where there is one, hands its mail to the relay, and what leads past it. */
import { isIP } from 'node:net';
import type { Config, ListenAddress } from '../../config/config.js';
import { nearAddress } from '../../config/listener.js';
import { fail, type MachineCheck, pass, skip, type Verdict } from './check.js';
import { findPostfix, type Settings, sourceOf, tablesOf } from './main-cf.js';
import {
  defaultTransport,
  hopsIn,
  leadsToRelay,
  type NextHop,
  parseNextHop,
  relayHosts,
  winningTables,
} from './next-hops.js';

export const postfixCheck: MachineCheck = {
  name: 'Postfix',
  looksAt:
    "Whether relayhost, default_transport or a table in Postfix's main.cf leads to the relay, and what wins over it.",
  mendedBy: '`postconf -e "relayhost = [127.0.0.1]:2525" && postfix reload`',
  async run({ config }) {
    const postfix = await findPostfix();
    if (postfix === undefined) return [skip('there is no Postfix here')];
    return judgeRouting(postfix.settings, await tableHops(postfix.settings, config), addressesOf(config));
  },
};

export function addressesOf({ relay }: Config): readonly ListenAddress[] {
  return (
    relay.listen ?? [
      { host: '127.0.0.1', port: 2525 },
      { host: '::1', port: 2525 },
    ]
  );
}

/** The next hops to the relay that tables name, as far as their sources can be read. */
export async function tableHops(settings: Settings, config: Config): Promise<readonly NextHop[]> {
  const tables = winningTables.flatMap((name) => tablesOf(settings.get(name)));
  const sources = await Promise.all(tables.map((table) => sourceOf(table)));
  return sources.flatMap((source) => hopsIn(source, addressesOf(config)));
}

/** All next hops that are the relay's. */
export function hopsToRelay(
  settings: Settings,
  tables: readonly NextHop[],
  addresses: readonly ListenAddress[],
): readonly NextHop[] {
  const general = defaultTransport(settings).nextHop;
  const direct = (general === '' ? relayHosts(settings) : [general])
    .map(parseNextHop)
    .filter((hop) => hop !== undefined)
    .filter((hop) => leadsToRelay(hop, addresses));
  return [...direct, ...tables];
}

export function judgeRouting(
  settings: Settings,
  tables: readonly NextHop[],
  addresses: readonly ListenAddress[],
): readonly Verdict[] {
  const relayhost = settings.get('relayhost') ?? '';
  const wanted = `[127.0.0.1]:${addresses[0]?.port ?? 2525}`;
  const setIt = `postconf -e 'relayhost = ${wanted}' && postfix reload`;
  const hops = hopsToRelay(settings, tables, addresses);
  if (hops.length === 0)
    return [
      skip(
        `relayhost is ${relayhost === '' ? 'not set' : relayhost}: Postfix hands no mail to mailbearer`,
        `if it should: ${setIt}`,
      ),
    ];
  const viaRelayhost = hops.length > tables.length;
  const winning = winningTables.filter((name) => (settings.get(name) ?? '') !== '').join(', ');
  return [
    ...(viaRelayhost ? [] : [pass(`${winning} leads to ${tables[0]!.text}`)]),
    ...(viaRelayhost && tables.length === 0 && winning !== ''
      ? [pass(`${winning} wins over relayhost for the mail that it matches`)]
      : []),
    ...hops.map((hop) => judgeHop(hop, addresses)),
    ...stray(settings, addresses),
  ];
}

function judgeHop({ bracketed, host, text }: NextHop, addresses: readonly ListenAddress[]): Verdict {
  const bare = addresses.map((address) => nearAddress(address).host);
  if (isIP(host) !== 0 && !bare.includes(host))
    return fail(
      `mail is handed to ${text}, and the relay listens on ${bare.join(', ')}`,
      `name [${bare[0]}] there, or add ${host} to relay.listen`,
    );
  // As an address it works; a name is looked up in the DNS, for MX first, where localhost need not be.
  if (bracketed || isIP(host) !== 0) return pass(`mail is handed to ${text}`);
  return pass(
    `mail is handed to ${text}`,
    `[127.0.0.1] needs no DNS: a name without brackets is looked up, for MX`,
  );
}

/** What of relayhost and default_transport does not lead to the relay. */
function stray(settings: Settings, addresses: readonly ListenAddress[]): readonly Verdict[] {
  const { nextHop, transport } = defaultTransport(settings);
  if (/^(error|retry|discard)$/.test(transport))
    return [
      fail(
        `default_transport is ${transport}: mail for elsewhere never leaves`,
        'postconf -X default_transport && postfix reload',
      ),
    ];
  const isRelay = (text: string) => {
    const hop = parseNextHop(text);
    return hop !== undefined && leadsToRelay(hop, addresses);
  };
  if (nextHop !== '')
    return isRelay(nextHop) ? [] : [pass(`default_transport leads past relayhost, to ${nextHop}`)];
  const others = relayHosts(settings).filter((text) => !isRelay(text));
  return others.length > 0 && others.length < relayHosts(settings).length
    ? [pass(`${others.join(', ')} gets mail when the relay does not answer`)]
    : [];
}
