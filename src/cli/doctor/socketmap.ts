/** Whether the socketmap answers, to whom, and whether Postfix, if it asks there, shows tokens to the right server only. */
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import type { SocketmapAddress, SocketmapSettings } from '../../config/socketmap.js';
import { formatListenAddress } from '../../config/values.js';
import { describeCause } from '../../core/errors.js';
import { netstring, NetstringReader } from '../../protocol/netstring.js';
import { mostOctets } from '../../protocol/socketmap.js';
import { fail, type MachineCheck, pass, type Verdict } from './check.js';
import { findPostfix, type Settings, tablesOf } from './main-cf.js';

const timeoutMs = 3_000;
/** Name of the map, and a key that no server is called by. */
const question = 'doctor .';
/** Levels of smtp_tls_security_level at which Postfix talks to nobody whose name it has not verified. */
const verifying = ['verify', 'secure', 'fingerprint', 'dane-only'];

export const socketmapCheck: MachineCheck = {
  name: 'socketmap',
  looksAt:
    'Whether the socketmap answers, where `socketmap.listen` is set, and whether a Postfix that signs in by it sends all mail to a server that it has verified.',
  mendedBy:
    '`systemctl start mailbearer`; the line of main.cf that is named: see [the guide](guides/postfix-socketmap.md#postfix).',
  async run({ config: { socketmap } }) {
    if (socketmap === undefined) return [];
    const postfix = await findPostfix();
    return [await judgeAnswer(socketmap), ...(postfix === undefined ? [] : judgeMainCf(postfix.settings))];
  },
};

async function judgeAnswer({ listen }: SocketmapSettings): Promise<Verdict> {
  const where = listen.kind === 'unix' ? listen.path : formatListenAddress(listen);
  const problem = await ask(listen);
  if (problem !== undefined)
    return fail(`${where}: ${problem}`, 'systemctl start mailbearer, or in a terminal: mailbearer serve');
  if (listen.kind === 'tcp') return pass(`answers on ${where}, to every user of this machine`);
  const { mode } = await stat(listen.path);
  return (mode & 0o007) === 0
    ? pass(`answers on ${where}`)
    : fail(`every user of this machine may open ${where}, and have the tokens`, `chmod o= ${where}`);
}

/** What is wrong with the answer to a question, if something is. */
function ask(listen: SocketmapAddress): Promise<string | undefined> {
  return new Promise((resolve) => {
    const reader = new NetstringReader(mostOctets);
    const place = listen.kind === 'unix' ? { path: listen.path } : { host: listen.host, port: listen.port };
    const socket = connect({ ...place, timeout: timeoutMs });
    const end = (problem?: string) => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('timeout', () => end(`no answer for ${timeoutMs / 1000} s`));
    socket.once('error', (error) => end(describeCause(error)));
    socket.once('end', () => end('hangs up without an answer'));
    socket.on('data', (chunk) => {
      const [event] = reader.receive(chunk);
      if (event !== undefined)
        end(event.kind === 'string' ? undefined : `something else answers: ${event.problem}`);
    });
    socket.write(netstring(Buffer.from(question)));
  });
}

export function judgeMainCf(settings: Settings): readonly Verdict[] {
  const asks = tablesOf(settings.get('smtp_sasl_password_maps')).some((table) =>
    /^(?:proxy:)?socketmap:/.test(table),
  );
  if (!asks || settings.get('smtp_sasl_auth_enable') !== 'yes') return [];
  const level = settings.get('smtp_tls_security_level') ?? '';
  const verdicts: Verdict[] = [];
  if (!verifying.includes(level) && (settings.get('smtp_tls_policy_maps') ?? '') === '')
    verdicts.push(
      fail(
        `Postfix shows tokens to servers that it has not verified: smtp_tls_security_level is ${level || 'not set'}`,
        "postconf -e 'smtp_tls_security_level = secure' && postfix reload",
      ),
    );
  const bySender = settings.get('smtp_sender_dependent_authentication') === 'yes';
  if (
    bySender &&
    (settings.get('relayhost') ?? '') === '' &&
    (settings.get('default_transport') ?? '') === ''
  )
    verdicts.push(
      fail(
        'Postfix may show the token of a sender to the server of any recipient: relayhost is not set',
        "postconf -e 'relayhost = [smtp.gmail.com]:587', or whichever server is the account's",
      ),
    );
  return verdicts.length > 0 ? verdicts : [pass('Postfix signs in by it at servers that it has verified')];
}
