/** Programs that submit to the relay's own ports in TLS, by STARTTLS and from the start, with verified certificates. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ListenerSettings, plainListener } from '../../src/config/listener.js';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.js';
import { run, temporaryDirectory } from '../support/process.js';
import { type RelayUnderTest, startTestRelay, testAccount } from '../support/relay-under-test.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';
import { toolsMissing } from './requirements.js';

const from = 'a@example.org';
const to = 'x@example.net';
const kinds = ['starttls', 'implicit', 'auto'] as const;
type Mode = 'starttls' | 'implicit';

/** Prints the version of TLS. */
const smtplib = `
import smtplib, ssl, sys
mode, port, ca, sender, recipient, path = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if mode == "implicit":
    session = smtplib.SMTP_SSL("127.0.0.1", int(port), "client.test", context=context, timeout=30)
else:
    session = smtplib.SMTP("127.0.0.1", int(port), "client.test", timeout=30)
    session.starttls(context=context)
assert not session.has_extn("starttls")
with open(path, "rb") as file:
    session.sendmail(sender, [recipient], file.read())
print(session.sock.version())
session.quit()
`;

const lines = ['EHLO c.test', `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA'];
const typed = [...lines, 'Subject: in TLS', '', '..dot', '.', 'QUIT', ''].join('\n');

/** openssl reads greeting and EHLO's answer itself before STARTTLS; else the greeting is to be awaited. */
async function dialogue(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  if (!args.includes('-starttls')) await once(child.stdout, 'data');
  child.stdin.end(typed);
  const [status] = (await once(child, 'close')) as [number];
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${said}`);
  return said;
}

describe.skipIf(toolsMissing('curl', 'msmtp', 'openssl', 'python3', 'swaks'))(
  'in TLS, the relay takes a message',
  () => {
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    let authority: CertificateAuthority;
    let upstream: ScriptedUpstream;
    let relay: RelayUnderTest;
    let file: string;

    beforeAll(async () => {
      directory = await temporaryDirectory();
      authority = await createCertificateAuthority(directory.path);
      const certificate = await authority.issue('mail');
      upstream = await startScriptedUpstream();
      const listen = kinds.map((tls): ListenerSettings => ({
        ...plainListener({ host: '127.0.0.1', port: 0 }),
        tls,
        certificate,
      }));
      relay = await startTestRelay([testAccount(from, upstream.port)], { listen });
      file = join(directory.path, 'message.eml');
      await writeFile(file, 'Subject: in TLS\r\n\r\n.dot\r\n');
    });
    afterAll(async () => {
      await relay.close();
      await upstream.close();
      await directory.remove();
    });

    const portOf = (kind: (typeof kinds)[number]) => String(relay.addresses[kinds.indexOf(kind)]!.port);
    const ca = () => authority.certificateFile;

    const clients: Readonly<Record<string, (mode: Mode, port: string) => Promise<string>>> = {
      curl: (mode, port) =>
        run('curl', [
          ...['--silent', '--show-error', '--cacert', ca(), '--mail-from', from, '--mail-rcpt', to],
          ...['--upload-file', file],
          ...(mode === 'implicit'
            ? [`smtps://127.0.0.1:${port}/c.test`]
            : ['--ssl-reqd', `smtp://127.0.0.1:${port}/c.test`]),
        ]),
      swaks: (mode, port) =>
        run('swaks', [
          ...['--server', `127.0.0.1:${port}`, '--helo', 'c.test', '--from', from, '--to', to],
          ...['--tls-verify', '--tls-ca-path', ca(), '--suppress-data', '--data', `@${file}`],
          mode === 'implicit' ? '--tls-on-connect' : '--tls',
        ]),
      msmtp: (mode, port) =>
        run('sh', [
          '-c',
          'msmtp --file=/dev/null --host=127.0.0.1 "--port=$1" "--from=$2" --tls=on "--tls-starttls=$3" "--tls-trust-file=$4" -- "$5" <"$0"',
          ...[file, port, from, mode === 'starttls' ? 'on' : 'off', ca(), to],
        ]),
      "Python's smtplib": (mode, port) => run('python3', ['-c', smtplib, mode, port, ca(), from, to, file]),
      openssl: (mode, port) =>
        dialogue('openssl', [
          ...['s_client', '-quiet', '-crlf', '-verify_return_error', '-CAfile', ca()],
          ...['-connect', `127.0.0.1:${port}`, ...(mode === 'starttls' ? ['-starttls', 'smtp'] : [])],
        ]),
    };

    for (const [name, submit] of Object.entries(clients)) {
      it(`from ${name}, by STARTTLS, from the start, and both on one port`, async () => {
        const before = upstream.messages.length;
        for (const [mode, kind] of [
          ['starttls', 'starttls'],
          ['implicit', 'implicit'],
          ['starttls', 'auto'],
          ['implicit', 'auto'],
        ] as const)
          await submit(mode, portOf(kind));
        const arrived = upstream.messages.slice(before);
        expect(arrived.map(({ recipients }) => recipients)).toEqual(Array(4).fill([`RCPT TO:<${to}>`]));
        for (const { data } of arrived)
          expect(data).toMatch(/Subject: in TLS\r\n(?:.*\r\n)*\r\n\.\.?dot\r\n/);
      });
    }

    it('from nobody who does not trust its certificate, and logs that', async () => {
      const untrusting = ['--silent', '--show-error', '--ssl-reqd', '--mail-from', from, '--mail-rcpt', to];
      const before = upstream.messages.length;
      await expect(
        run('curl', [...untrusting, '--upload-file', file, `smtp://127.0.0.1:${portOf('starttls')}`]),
      ).rejects.toThrow(/certificate/i);
      expect(upstream.messages).toHaveLength(before);
      await expect
        .poll(() => relay.log.map(({ message }) => message))
        .toContain('TLS with a client failed: disconnected');
    });
  },
);
