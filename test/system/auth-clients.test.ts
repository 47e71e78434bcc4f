/** Programs that sign in at the relay's own ports, in TLS, with a password or a token. The upstream is scripted. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainListener } from '../../src/config/listener.js';
import { parseConfig } from '../../src/config/parse.js';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.js';
import { writePasswords } from '../support/passwords.js';
import { startPostfix } from '../support/postfix.js';
import { eventually, run, temporaryDirectory } from '../support/process.js';
import { type RelayUnderTest, startTestRelay, testAccount } from '../support/relay-under-test.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { withLaterCurl } from './later-curl.js';
import { programsMissing, unpackedMissing } from './requirements.js';
import { submitMessage } from './smtp-dialogue.js';

const from = 'a@example.org';
const to = 'x@example.net';
const password = 'ge heim-ä';
const token = 'ya29.token_of-a';

/** Prints nothing; fails with the server's words. */
const smtplib = `
import smtplib, ssl, sys
port, ca, mechanism, sender, recipient, password, path = sys.argv[1:]
session = smtplib.SMTP("127.0.0.1", int(port), "client.test", timeout=30)
session.starttls(context=ssl.create_default_context(cafile=ca))
session.ehlo()
session.user, session.password = sender, password
session.auth(mechanism, getattr(session, "auth_" + mechanism.lower()))
with open(path, "rb") as file:
    session.sendmail(sender, [recipient], file.read())
session.quit()
`;

const skip = programsMissing('curl', 'msmtp', 'python3', 'swaks') || unpackedMissing('curl');
describe.skipIf(skip)('a program that signs in', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let authority: CertificateAuthority;
  let upstream: ScriptedUpstream;
  let endpoint: TokenEndpoint;
  let relay: RelayUnderTest;
  let file: string;
  let secretFile: string;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    authority = await createCertificateAuthority(directory.path);
    const certificate = await authority.issue('mail');
    upstream = await startScriptedUpstream();
    endpoint = await startTokenEndpoint();
    const passwordsFile = join(directory.path, 'passwd');
    secretFile = join(directory.path, 'secret');
    await writeFile(secretFile, password);
    await writePasswords(passwordsFile, [
      { user: from, password },
      // For Python's smtplib, which knows ASCII alone.
      { user: from, password: 'simple' },
      { user: 'printer', password: 'simple-word', senders: [from] },
    ]);
    const auth = { required: true, account_by: 'both', oauth2: { introspection_url: endpoint.url.href } };
    const listen = { address: '127.0.0.1:0', auth: { ...auth, login_senders: { printer: from } } };
    const settings = parseConfig({ relay: { listen } }, undefined).config.relay.listen![0]!.auth!;
    relay = await startTestRelay([testAccount(from, upstream.port)], {
      listen: [
        {
          ...plainListener({ host: '127.0.0.1', port: 0 }),
          ...{ tls: 'starttls', certificate, auth: { ...settings, passwordsFile } },
        },
      ],
    });
    file = join(directory.path, 'message.eml');
    await writeFile(file, 'Subject: signed in\r\n\r\n.dot\r\n');
  });
  afterAll(async () => {
    await relay.close();
    await upstream.close();
    await endpoint.close();
    await directory.remove();
  });

  const server = () => `127.0.0.1:${relay.port}`;
  const ca = () => authority.certificateFile;
  const curl = (args: readonly string[], env = process.env) =>
    run(
      'curl',
      [
        ...['--silent', '--show-error', '--ssl-reqd', '--cacert', ca(), '--upload-file', file],
        ...['--mail-from', from, '--mail-rcpt', to, `smtp://${server()}/c.test`, ...args],
      ],
      { env },
    );
  const laterCurl = (mechanism: string, proof: string) =>
    curl(
      ['--user', `${from}:`, '--oauth2-bearer', proof, '--login-options', `AUTH=${mechanism}`],
      withLaterCurl(),
    );
  const swaks = (mechanism: string, secret: string) =>
    run('swaks', [
      ...['--server', server(), '--helo', 'c.test', '--from', from, '--to', to, '--tls', '--tls-verify'],
      ...['--tls-ca-path', ca(), '--suppress-data', '--data', `@${file}`],
      ...['--auth', mechanism, '--auth-user', from, '--auth-password', secret],
    ]);
  const nodemailer = (type: 'login' | 'oauth2') =>
    createTransport({
      host: '127.0.0.1',
      port: relay.port,
      requireTLS: true,
      tls: { ca: authority.certificate },
      auth:
        type === 'login'
          ? { user: from, pass: password }
          : { type: 'OAuth2', user: from, accessToken: token },
    }).sendMail({ envelope: { from, to }, raw: 'Subject: signed in\r\n\r\n.dot\r\n' });

  const clients: Readonly<Record<string, () => Promise<unknown>>> = {
    'curl, with PLAIN': () => curl(['--user', `${from}:${password}`, '--login-options', 'AUTH=PLAIN']),
    'curl, with LOGIN': () => curl(['--user', `${from}:${password}`, '--login-options', 'AUTH=LOGIN']),
    'curl 7.88, with a token': () => curl(['--user', `${from}:`, '--oauth2-bearer', token]),
    'swaks, with PLAIN': () => swaks('PLAIN', password),
    'swaks, with LOGIN': () => swaks('LOGIN', password),
    'msmtp, with PLAIN': () =>
      run('sh', [
        '-c',
        'msmtp --file=/dev/null --host=127.0.0.1 "--port=$1" "--from=$2" --tls=on "--tls-trust-file=$3" --auth=plain "--user=$2" "--passwordeval=cat $4" -- "$5" <"$0"',
        ...[file, String(relay.port), from, ca(), secretFile, to],
      ]),
    "Python's smtplib, with PLAIN": () =>
      run('python3', ['-c', smtplib, String(relay.port), ca(), 'PLAIN', from, to, 'simple', file]),
    "Python's smtplib, with LOGIN": () =>
      run('python3', ['-c', smtplib, String(relay.port), ca(), 'LOGIN', from, to, 'simple', file]),
    'nodemailer, with a password': () => nodemailer('login'),
    'nodemailer, with XOAUTH2': () => nodemailer('oauth2'),
  };

  for (const [name, submit] of Object.entries(clients)) {
    it(`by ${name}, has its message sent`, async () => {
      const before = upstream.messages.length;
      endpoint.script({ body: { active: true, email: from } });
      await submit();
      expect(upstream.messages.slice(before)).toMatchObject([
        { user: from, recipients: [`RCPT TO:<${to}>`] },
      ]);
    });
  }

  it.each(['XOAUTH2', 'OAUTHBEARER'])(
    'by curl 8.6 or later with a token and %s, has its message sent',
    async (mechanism) => {
      const before = upstream.messages.length;
      endpoint.script({ body: { active: true, email: from } });
      await laterCurl(mechanism, token);
      expect(upstream.messages.slice(before)).toMatchObject([
        { user: from, recipients: [`RCPT TO:<${to}>`] },
      ]);
      expect(relay.log.findLast(({ message }) => message === 'client signed in')?.fields).toMatchObject({
        user: from,
        mechanism,
      });
    },
  );

  it.each(['XOAUTH2', 'OAUTHBEARER'])(
    'by curl 8.6 or later with a wrong token and %s is refused',
    async (mechanism) => {
      endpoint.script({ status: 401, body: { error: 'invalid_token' } });
      const before = relay.log.length;
      await expect(laterCurl(mechanism, `no-${token}`)).rejects.toMatchObject({ code: 67 });
      expect(relay.log.slice(before).map(({ message }) => message)).toContain(`C: AUTH ${mechanism}`);
    },
  );

  it.each(['PLAIN', 'LOGIN'])('by swaks with a wrong password and %s is refused', async (mechanism) => {
    await expect(swaks(mechanism, 'wrong')).rejects.toMatchObject({
      stdout: expect.stringContaining('535 5.7.8'),
    });
  });

  it('by Postfix, verified and with a login that is no address, has its message sent', async () => {
    const logins = join(directory.path, 'sasl_passwd');
    await writeFile(logins, `[127.0.0.1]:${relay.port} printer:simple-word\n`);
    const postfix = await startPostfix(
      join(directory.path, 'postfix'),
      `
myhostname = client.test
relayhost = [127.0.0.1]:${relay.port}
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:${logins}
smtp_sasl_security_options = noanonymous
smtp_sasl_mechanism_filter = plain
smtp_tls_security_level = encrypt
smtp_tls_CAfile = ${ca()}
`,
    );
    try {
      const before = upstream.messages.length;
      await submitMessage(postfix.port, {
        from,
        to: [to],
        message: Buffer.from('Subject: hi\r\n\r\nhi\r\n'),
      });
      await eventually('a message', () => upstream.messages[before], postfix.log);
      expect(relay.log.findLast(({ message }) => message === 'client signed in')?.fields).toMatchObject({
        user: 'printer',
        mechanism: 'PLAIN',
      });
    } finally {
      await postfix.stop();
    }
  });
});
