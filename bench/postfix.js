// @ts-check
/**
 * Debian's Postfix as a client, an instance of its own: to the TLS sink through mailbearer, straight to it without
 * AUTH, and straight to it with the sasl-xoauth2 plugin where that is installed. What is measured is the delivery of
 * a queue that was filled before.
 */
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tryProgram } from './machine.js';
import { senderFor } from './mailbearer.js';
import { countUntil, runLoad } from './native.js';
import { freePort, run, startPostfix } from './support.js';

/** @typedef {import('./native.js').Sink} Sink */
/** @typedef {'mailbearer' | 'straight' | 'plugin'} Route */

/** Whose mail takes which route. @type {Readonly<Record<Route, string>>} */
const senders = {
  mailbearer: senderFor('tls'),
  straight: 'straight@bench.test',
  plugin: 'plugin@bench.test',
};

/** Why Postfix can't take part, or undefined. */
export function whyNoPostfix() {
  if (tryProgram('postconf', '-dh', 'mail_version') === undefined) return 'Postfix is not installed';
  return process.getuid?.() === 0 ? undefined : 'a Postfix of its own needs root';
}

/** Why sasl-xoauth2 can't take part, or undefined; it reads one fixed configuration file. */
export function whyNoPlugin() {
  const installed = readdirSync('/usr/lib', { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .some(({ name }) => existsSync(`/usr/lib/${name}/sasl2/libsasl-xoauth2.so`));
  if (!installed) return 'sasl-xoauth2 is not installed';
  return existsSync('/etc/sasl-xoauth2.conf') ? undefined : 'sasl-xoauth2 has no /etc/sasl-xoauth2.conf';
}

/**
 * @typedef {object} Delivered
 * @property {number} messagesPerSecond From the first message at the sink to the last.
 * @property {number} handshakes
 * @property {number} auths
 */

export class PostfixClient {
  /** Where mailbearer must listen. @type {number} */
  relayPort;
  /** @type {import('../test/support/postfix.js').Postfix} */
  #postfix;
  #configDirectory;
  #sink;

  /**
   * @private
   * @param {{ postfix: import('../test/support/postfix.js').Postfix, directory: string, relayPort: number, sink: Sink }} parts
   */
  constructor({ postfix, directory, relayPort, sink }) {
    this.#postfix = postfix;
    this.#configDirectory = join(directory, 'etc');
    this.relayPort = relayPort;
    this.#sink = sink;
  }

  /** @param {string} parent A directory that everybody can reach. @param {Sink} sink */
  static async start(parent, sink) {
    const relayPort = await freePort();
    const directory = join(parent, 'postfix');
    const tokenFile = join(parent, 'plugin-token');
    if (whyNoPlugin() === undefined) await writePluginToken(tokenFile);
    const mainCf = mainCfFor({ relayPort, sinkPort: sink.port, tokenFile });
    return new PostfixClient({ postfix: await startPostfix(directory, mainCf), directory, relayPort, sink });
  }

  /**
   * Puts `messages` on hold, releases them all at once and waits until the sink has got them.
   *
   * @param {Route} route
   * @param {number} messages
   * @returns {Promise<Delivered>}
   */
  async deliver(route, messages) {
    await runLoad(this.#postfix.port, senders[route], { messages, warmup: 0 });
    // Before the release: a queue manager that is on a scan delivers at once, and that counts, too.
    await this.#sink.count();
    await run('postsuper', ['-c', this.#configDirectory, '-H', 'ALL']);
    await run('postqueue', ['-c', this.#configDirectory, '-f']);
    const counted = await countUntil(this.#sink, messages);
    if (counted.messages !== messages) throw new Error(`${messages} messages became ${counted.messages}`);
    return {
      messagesPerSecond: (messages - 1) / (counted.lastAt - counted.firstAt),
      handshakes: counted.handshakes,
      auths: counted.auths,
    };
  }

  stop() {
    return this.#postfix.stop();
  }
}

/** @param {{ relayPort: number, sinkPort: number, tokenFile: string }} parts */
function mainCfFor({ relayPort, sinkPort, tokenFile }) {
  // SASL is chosen by next hop, and localhost is one that 127.0.0.1 is not.
  const plugin =
    whyNoPlugin() === undefined
      ? `smtp_sasl_auth_enable = yes
smtp_sasl_security_options =
smtp_sasl_mechanism_filter = xoauth2
smtp_sasl_password_maps = inline:{ { [localhost]:${sinkPort} = ${senders.plugin}:${tokenFile} } }
`
      : '';
  return `myhostname = client.bench.test
# localhost stands in /etc/hosts.
smtp_host_lookup = native
smtpd_client_restrictions = check_client_access static:HOLD
sender_dependent_relayhost_maps = inline:{
  { ${senders.mailbearer} = [127.0.0.1]:${relayPort} }
  { ${senders.straight} = [127.0.0.1]:${sinkPort} }
  { ${senders.plugin} = [localhost]:${sinkPort} } }
smtp_tls_policy_maps = inline:{
  { [127.0.0.1]:${sinkPort} = encrypt }
  { [localhost]:${sinkPort} = encrypt } }
${plugin}`;
}

/** Postfix reads it as its own user. @param {string} file */
async function writePluginToken(file) {
  const token = { access_token: 'bench', refresh_token: 'unused', expiry: String(2 ** 31 - 1) };
  await writeFile(file, JSON.stringify(token), { mode: 0o644 });
}
