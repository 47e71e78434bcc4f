/** Whether Postfix, where there is one, hands its mail to the relay, and in a way that works. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fail, type MachineCheck, pass, skip, type Verdict } from './check.js';

const timeoutMs = 10_000;

export const postfixCheck: MachineCheck = {
  name: 'Postfix',
  async run({ config }) {
    const settings = await mainCf();
    if (settings === undefined) return [skip('there is no Postfix here')];
    const ports = (config.relay.listen ?? [{ port: 2525 }]).map(({ port }) => port);
    return judgeMainCf(settings, ports);
  },
};

/** What `postconf -n` prints: the settings that are not the default; undefined where there is none. */
async function mainCf(): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const { stdout } = await promisify(execFile)('postconf', ['-n'], { timeout: timeoutMs });
    return parseMainCf(stdout);
  } catch {
    return undefined;
  }
}

export function parseMainCf(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^(\S+) = ?(.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

/** @param ports on which the relay listens */
export function judgeMainCf(
  settings: ReadonlyMap<string, string>,
  ports: readonly number[],
): readonly Verdict[] {
  const relayhost = settings.get('relayhost') ?? '';
  const [, port] = /^\[(?:127\.0\.0\.1|::1|localhost)\]:(\d+)$/.exec(relayhost) ?? [];
  const wanted = `[127.0.0.1]:${ports[0] ?? 2525}`;
  if (port === undefined || !ports.includes(Number(port)))
    return [
      fail(
        `relayhost is ${relayhost === '' ? 'not set' : relayhost}: Postfix does not hand its mail to mailbearer`,
        `postconf -e 'relayhost = ${wanted}' && postfix reload`,
      ),
    ];
  const verdicts = [pass(`relayhost is ${relayhost}`), ...bypasses(settings), ...tls(settings, relayhost)];
  if (
    settings.get('smtp_sasl_auth_enable') === 'yes' &&
    settings.get('smtp_sasl_security_options') === undefined
  )
    verdicts.push(pass('smtp_sasl_auth_enable is on, which does no harm: the relay offers no AUTH'));
  return verdicts;
}

function bypasses(settings: ReadonlyMap<string, string>): Verdict[] {
  return ['sender_dependent_relayhost_maps', 'transport_maps', 'default_transport']
    .filter((name) => (settings.get(name) ?? '') !== '')
    .map((name) =>
      fail(
        `${name} (${settings.get(name)}) wins over relayhost: mail it matches goes past mailbearer`,
        `remove what leads past the relay from ${name}`,
      ),
    );
}

/** The relay speaks plain SMTP to this machine; a Postfix that demands TLS everywhere would defer. */
function tls(settings: ReadonlyMap<string, string>, relayhost: string): Verdict[] {
  const demanded =
    /^(encrypt|verify|secure|dane-only|fingerprint)$/.test(settings.get('smtp_tls_security_level') ?? '') ||
    settings.get('smtp_enforce_tls') === 'yes';
  if (!demanded) return [];
  const policy = settings.get('smtp_tls_policy_maps') ?? '';
  if (policy.includes(`${relayhost}=none`))
    return [pass(`smtp_tls_policy_maps allows plain SMTP to ${relayhost}`)];
  // What a table holds is not seen here.
  if (policy !== '' && !policy.startsWith('inline:'))
    return [pass(`TLS is demanded; see that smtp_tls_policy_maps (${policy}) has: ${relayhost} none`)];
  return [
    fail(
      `Postfix demands TLS of every next hop, and the relay on this machine speaks plain SMTP`,
      `postconf -e 'smtp_tls_policy_maps = inline:{ ${relayhost}=none }' && postfix reload`,
    ),
  ];
}
