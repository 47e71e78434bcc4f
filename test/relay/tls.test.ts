/** TLS to the upstream: required, verified against the name, and never preceded by octets in clear. */
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SubmittingAccount } from '../../src/accounts/account.js';
import {
  type CertificateAuthority,
  type CertificateOptions,
  createCertificateAuthority,
} from '../support/certificates.js';
import { temporaryDirectory } from '../support/process.js';
import { endClients, greetedClient, startTestRelay, testAccount } from '../support/relay-under-test.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';

let authority: CertificateAuthority;
let remove: () => Promise<void>;
let caDirectory: string;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const directory = await temporaryDirectory();
  remove = () => directory.remove();
  caDirectory = join(directory.path, 'authority');
  authority = await createCertificateAuthority(caDirectory);
});
afterAll(() => remove());
afterEach(async () => {
  endClients();
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Setting {
  readonly mode?: 'starttls' | 'implicit';
  readonly certificate?: CertificateOptions;
  readonly trust?: Partial<SubmittingAccount['client']>;
  readonly host?: string;
}

let count = 0;

async function submitThrough(setting: Setting = {}): Promise<{ answer: string; upstream: ScriptedUpstream }> {
  const mode = setting.mode ?? 'starttls';
  const { certificate: cert, key } = await authority.issue(`server-${++count}`, setting.certificate);
  const upstream = await startScriptedUpstream({ tls: { cert, key }, implicitTls: mode === 'implicit' });
  closers.push(() => upstream.close());
  return { answer: await mailThrough(upstream.port, setting), upstream };
}

async function mailThrough(
  port: number,
  { mode = 'starttls', trust, host = 'localhost' }: Setting,
): Promise<string> {
  const account = testAccount('a@example.org', port, {
    submission: { user: 'a@example.org', smtp: { host, port, tls: mode }, mechanism: undefined },
  });
  const { client } = account.account;
  const trusting = { ...client, caBundleFile: authority.certificateFile, ...trust };
  const relay = await startTestRelay([{ ...account, account: { ...account.account, client: trusting } }]);
  closers.push(() => relay.close());
  const connection = await greetedClient(relay.port);
  return connection.say('MAIL FROM:<a@example.org>');
}

describe('TLS to the upstream', () => {
  it.each(['starttls', 'implicit'] as const)('is spoken (%s) before the token is sent', async (mode) => {
    const { answer, upstream } = await submitThrough({ mode });
    expect(answer).toBe('250 2.1.0 Ok');
    const said = upstream.lines.map((line) => line.slice(4).split(' ')[0]);
    expect(said).toEqual(
      mode === 'starttls' ? ['EHLO', 'STARTTLS', 'EHLO', 'AUTH', 'MAIL'] : ['EHLO', 'AUTH', 'MAIL'],
    );
  });

  it('trusts a directory of certificates as well as a bundle', async () => {
    const trust = { caBundleFile: undefined, caCertsDir: caDirectory };
    expect((await submitThrough({ trust })).answer).toBe('250 2.1.0 Ok');
  });

  it('accepts an IP address that the certificate names', async () => {
    expect((await submitThrough({ host: '127.0.0.1' })).answer).toBe('250 2.1.0 Ok');
  });

  it.each<[string, Setting]>([
    ['of another name', { certificate: { names: ['other.example'] } }],
    ['that has expired', { certificate: { validFrom: new Date(0), validTo: new Date(86_400_000) } }],
    ['that signed itself', { certificate: { selfSigned: true } }],
    ['of an unknown authority', { trust: { caBundleFile: undefined } }],
  ])('is refused with a certificate %s: 451, no token sent', async (_, setting) => {
    for (const mode of ['starttls', 'implicit'] as const) {
      const { answer, upstream } = await submitThrough({ ...setting, mode });
      expect(answer).toMatch(/^451 4\.4\.0 a@example\.org: no verified TLS connection/);
      expect(upstream.lines.join('\n')).not.toContain('AUTH');
      await expect.poll(() => upstream.open).toBe(0);
    }
  });

  it('is not given up when the upstream offers none', async () => {
    const upstream = await startScriptedUpstream();
    closers.push(() => upstream.close());
    expect(await mailThrough(upstream.port, {})).toMatch(/^451 4\.4\.0 /);
    expect(upstream.lines.map((line) => line.slice(4).split(' ')[0])).toEqual(['EHLO']);
  });

  it('is refused when octets in clear come behind the answer to STARTTLS', async () => {
    for (const evil of ['250-evil\r\n250 AUTH XOAUTH2\r\n', '250-evil\r\n', '250-ev']) {
      const injected = `220 go\r\n${evil}`;
      const server = await listening((line) => {
        if (line.startsWith('EHLO')) return '250-x\r\n250 STARTTLS\r\n';
        return line.startsWith('STARTTLS') ? injected : undefined;
      });
      expect(await mailThrough(server.port, {})).toMatch(/^451 4\.4\.0 /);
      expect(server.received).not.toContain('AUTH');
    }
  });

  it.each([
    ['implicit', 'reset'],
    ['implicit', 'close'],
    ['starttls', 'reset'],
    ['starttls', 'close'],
  ] as const)('that the upstream ends before it began (%s, %s) is 451, never a hang', async (mode, act) => {
    for (const later of [false, true]) {
      const end = (socket: Socket) => {
        const leave = () => (act === 'reset' ? socket.resetAndDestroy() : socket.end());
        if (later) setImmediate(leave);
        else leave();
      };
      const server = await listening(
        (line, socket) => {
          if (line.startsWith('EHLO')) return '250-x\r\n250 STARTTLS\r\n';
          if (!line.startsWith('STARTTLS')) return undefined;
          socket.write('220 go\r\n', () => end(socket));
          return undefined;
        },
        mode === 'implicit' ? end : undefined,
      );
      expect(await mailThrough(server.port, { mode })).toMatch(/^451 4\.4\.\d a@example\.org: /);
    }
  });

  it('says what is wrong with a CA file that cannot be read', async () => {
    expect((await submitThrough({ trust: { caBundleFile: '/nowhere/ca.pem' } })).answer).toMatch(
      /^451 .*ca_bundle_file/,
    );
  });
});

/** A server in clear that answers lines with fixed texts, or does something to each connection. */
async function listening(
  answer: (line: string, socket: Socket) => string | undefined,
  accept: (socket: Socket) => void = (socket) => void socket.write('220 hi\r\n'),
): Promise<{ port: number; received: string }> {
  const state = { port: 0, received: '' };
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    accept(socket);
    socket.on('data', (chunk) => {
      state.received += chunk.toString('latin1');
      const text = answer(chunk.toString('latin1'), socket);
      if (text !== undefined) socket.write(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(() => resolve())));
  const address = server.address();
  state.port = typeof address === 'object' && address !== null ? address.port : 0;
  return state;
}
