/**
 * Whether Postfix lets mail go to the relay in clear: it speaks plain SMTP to this machine, and where TLS is
 * demanded all mail would be deferred. Source: postconf(5), smtp_tls_security_level, smtp_tls_policy_maps.
 */
import { fail, type MachineCheck, pass, skip, type Verdict } from './check.js';
import { findPostfix, lookUp, type Settings, tablesOf } from './main-cf.js';
import { addressesOf, hopsToRelay, tableHops } from './postfix.js';

export const postfixTlsCheck: MachineCheck = {
  name: 'Postfix TLS',
  looksAt:
    'Whether smtp_tls_security_level, smtp_tls_wrappermode and the entry for the relay in smtp_tls_policy_maps let Postfix speak plain SMTP to it.',
  mendedBy: '`postconf -e "smtp_tls_policy_maps = inline:{ [127.0.0.1]:2525=none }" && postfix reload`',
  async run({ config }) {
    const postfix = await findPostfix();
    if (postfix === undefined) return [skip('there is no Postfix here')];
    const { settings } = postfix;
    const hops = hopsToRelay(settings, await tableHops(settings, config), addressesOf(config));
    const texts = [...new Set(hops.map(({ text }) => text))];
    if (texts.length === 0) return [skip('Postfix hands no mail to mailbearer')];
    return Promise.all(texts.map(async (text) => judgeTls(settings, text, await findPolicy(settings, text))));
  },
};

interface Policy {
  /** Of the first table that has an entry, such as `none` or `encrypt protocols=…`. */
  readonly value: string | undefined;
  readonly table: string | undefined;
  /** A table that Postfix cannot read, and why. */
  readonly unreadable: { readonly table: string; readonly problem: string } | undefined;
}

export async function findPolicy(settings: Settings, hop: string): Promise<Policy> {
  let unreadable: Policy['unreadable'];
  for (const table of tablesOf(settings.get('smtp_tls_policy_maps'))) {
    const { problem, value } = await lookUp(table, hop);
    if (problem !== undefined) unreadable ??= { table, problem };
    if (value !== undefined) return { value, table, unreadable };
  }
  return { value: undefined, table: undefined, unreadable };
}

const demanding = /^(encrypt|verify|secure|dane-only|fingerprint)$/;

export function judgeTls(settings: Settings, hop: string, { table, unreadable, value }: Policy): Verdict {
  if (unreadable !== undefined) {
    const { problem, table: name } = unreadable;
    const remedy = /^(hash|lmdb|btree|cdb|dbm):/.test(name)
      ? `postmap ${name} && postfix reload`
      : `ls -l ${name}`;
    return fail(`smtp_tls_policy_maps: ${problem}`, remedy);
  }
  const tables = settings.get('smtp_tls_policy_maps') ?? '';
  const first = `inline:{ ${hop}=none }${tables === '' ? '' : `, ${tables}`}`;
  const allow = `postconf -e 'smtp_tls_policy_maps = ${first}' && postfix reload`;
  if (settings.get('smtp_tls_wrappermode') === 'yes')
    return fail(
      'smtp_tls_wrappermode is on: Postfix speaks TLS from the first octet, and the relay plain SMTP',
      'postconf -X smtp_tls_wrappermode && postfix reload',
    );
  const level = value?.split(/\s+/)[0] ?? generalLevel(settings);
  const where = value === undefined ? 'smtp_tls_security_level' : `smtp_tls_policy_maps (${kindOf(table)})`;
  if (demanding.test(level))
    return fail(`${where} demands TLS for ${hop} (${level}), and the relay speaks plain SMTP`, allow);
  return pass(`plain SMTP to ${hop} is allowed: ${where} is ${level}`);
}

/** With the older switches, which it wins over. */
function generalLevel(settings: Settings): string {
  const level = settings.get('smtp_tls_security_level') ?? '';
  if (level !== '') return level;
  if (settings.get('smtp_enforce_tls') === 'yes') return 'encrypt';
  return settings.get('smtp_use_tls') === 'yes' ? 'may' : 'none';
}

function kindOf(table: string | undefined): string {
  return table?.startsWith('inline:') ? 'inline' : (table ?? '');
}
