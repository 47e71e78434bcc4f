/** TLS at the relay's own ports: how it begins, what may not come before it, and which certificate it has. */
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ListenerSettings, plainListener } from '../../src/config/listener.js';
import type { Clock } from '../../src/core/clock.js';
import {
  type Certificate,
  type CertificateAuthority,
  createCertificateAuthority,
} from '../support/certificates.js';
import { temporaryDirectory } from '../support/process.js';
import { type RelayUnderTest, TestClient } from '../support/relay-under-test.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { afterwards, envelope, oneAccount, replies, submit } from './scene.js';

let authority: CertificateAuthority;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let certificate: Certificate;
let count = 0;

beforeAll(async () => {
  directory = await temporaryDirectory();
  authority = await createCertificateAuthority(directory.path);
  certificate = await authority.issue('server');
});
afterAll(() => directory.remove());

function port(tls: ListenerSettings['tls'], changes: Partial<ListenerSettings> = {}): ListenerSettings {
  return { ...plainListener({ host: '127.0.0.1', port: 0 }), tls, certificate, ...changes };
}

async function relayAt(listener: ListenerSettings, clock?: Clock): Promise<RelayUnderTest> {
  return (await oneAccount({}, { listen: [listener] }, clock)).relay;
}

function trusting(): ConnectionOptions {
  return { ca: authority.certificate };
}

/** Says EHLO and STARTTLS, and goes on in TLS. */
async function startTls(client: TestClient, options = trusting()): Promise<TestClient> {
  await client.say('EHLO client.example');
  expect(await client.say('STARTTLS')).toBe('220 2.0.0 Ready to start TLS');
  return TestClient.overTls(client.socket, options);
}

async function greeted(relay: RelayUnderTest): Promise<TestClient> {
  const client = await TestClient.connect(relay.port);
  await client.reply();
  return client;
}

async function oneByOne(octets: Buffer, to: Socket): Promise<void> {
  for (const octet of octets)
    await new Promise((resolve) => to.write(Uint8Array.of(octet), () => setImmediate(resolve)));
}

/** What the log says of TLS. */
function failures({ log }: RelayUnderTest): readonly unknown[] {
  return log
    .filter(({ message }) => message === 'TLS with a client failed: disconnected')
    .map(({ fields }) => fields['cause']);
}

describe('STARTTLS', () => {
  it('is offered in clear only, and carries messages', async () => {
    const relay = await relayAt(port('starttls'));
    const clear = await greeted(relay);
    expect(await clear.say('EHLO client.example')).toContain('250 STARTTLS');
    const client = await startTls(clear);
    expect(await client.say('EHLO client.example')).not.toContain('STARTTLS');
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(await client.say('QUIT')).toMatch(/^221 /);
    expect(await client.rest()).toEqual([]);
  });

  it('makes the client begin anew: nothing said before counts', async () => {
    const client = await startTls(await greeted(await relayAt(port('starttls'))));
    expect(await client.say('MAIL FROM:<a@example.org>')).toBe('503 5.5.1 Send EHLO first');
  });

  it('is refused twice, in a transaction, with an argument, before EHLO, and where there is no TLS', async () => {
    const relay = await relayAt(port('starttls'));
    const clear = await greeted(relay);
    expect(await clear.say('STARTTLS')).toBe('503 5.5.1 Send EHLO first');
    await clear.say('EHLO client.example');
    expect(await clear.say('STARTTLS now')).toMatch(/^501 /);
    await clear.say('MAIL FROM:<a@example.org>');
    expect(await clear.say('STARTTLS')).toMatch(/^503 5\.5\.1 A transaction is open/);
    await clear.say('RSET');
    const client = await startTls(clear);
    await client.say('EHLO client.example');
    expect(await client.say('STARTTLS')).toBe('503 5.5.1 TLS is on already');

    const plain = await greeted(await relayAt(plainListener({ host: '127.0.0.1', port: 0 })));
    expect(await plain.say('EHLO client.example')).not.toContain('STARTTLS');
    expect(await plain.say('STARTTLS')).toMatch(/^502 /);
  });

  it('with more behind it is refused, whatever it is, and the connection ends', async () => {
    const relay = await relayAt(port('starttls'));
    for (const more of ['RSET\r\n', 'EHLO injected\r\nMAIL FROM:<a@example.org>\r\n', 'N', '\x16\x03\x01']) {
      const client = await greeted(relay);
      await client.say('EHLO client.example');
      client.send(`STARTTLS\r\n${more}`);
      expect(await client.rest()).toEqual(['554 5.7.0 Nothing may be sent behind STARTTLS']);
    }
    expect(relay.log.map(({ message }) => message)).toContain(
      'client sent more behind STARTTLS: disconnected',
    );
  });

  it('with more behind it cuts the client off when that comes while its reply waits for others', async () => {
    const script = (event: string) => (event.startsWith('MAIL') ? { act: () => undefined } : undefined);
    const { relay, upstream } = await oneAccount({ script }, { listen: [port('starttls')] });
    const client = await greeted(relay);
    await client.say('EHLO client.example');
    // RSET lets STARTTLS follow before the upstream has answered MAIL.
    client.send('MAIL FROM:<a@example.org>\r\n');
    await expect.poll(() => upstream.lines.join()).toContain('MAIL');
    client.send('RSET\r\nSTARTTLS\r\n');
    await expect.poll(() => relay.log.map(({ message }) => message)).toContain('C: STARTTLS');
    client.send('RSET\r\n');
    expect((await client.rest()).filter((reply) => reply.startsWith('220'))).toEqual([]);
    expect(relay.log.map(({ message }) => message)).toContain(
      'client sent more behind STARTTLS: disconnected',
    );
  });

  it('that comes to nothing is logged, and the relay goes on', async () => {
    const relay = await relayAt(port('starttls'));
    const client = await greeted(relay);
    await client.say('EHLO client.example');
    await client.say('STARTTLS');
    client.send('EHLO in-clear\r\n');
    await client.rest();
    expect(failures(relay)).toEqual([expect.stringMatching(/wrong version number|packet/)]);
    const other = await startTls(await greeted(relay));
    expect(await other.say('NOOP')).toMatch(/^250 /);
  });

  it('takes TLS 1.2 and nothing older', async () => {
    const relay = await relayAt(port('starttls'));
    const client = await startTls(await greeted(relay), { ...trusting(), maxVersion: 'TLSv1.2' });
    expect((client.socket as TLSSocket).getProtocol()).toBe('TLSv1.2');
    const old = {
      ...trusting(),
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    } as const;
    await expect(startTls(await greeted(relay), old)).rejects.toThrow(/protocol version|handshake failure/);
    await expect.poll(() => failures(relay)).toEqual([expect.stringMatching(/unsupported protocol|version/)]);
  });

  it('may take as long as any handshake, and no longer', async () => {
    const clock = new VirtualClock();
    const relay = await relayAt(port('starttls'), clock);
    const client = await greeted(relay);
    await client.say('EHLO client.example');
    await client.say('STARTTLS');
    client.send('\x16\x03\x01\x02\x00\x01');
    await expect.poll(() => client.socket.writableLength).toBe(0);
    await clock.advance(33_000);
    expect(await client.rest()).toEqual([]);
    expect(failures(relay)).toEqual(['the client took too long']);
  });
});

describe('a port with TLS from the start', () => {
  it('greets in TLS, and carries messages', async () => {
    const relay = await relayAt(port('implicit'));
    const client = await TestClient.overTls(connect(relay.port, '127.0.0.1'), trusting());
    expect(await client.reply()).toMatch(/^220 .* ESMTP mailbearer$/);
    expect(await client.say('EHLO client.example')).not.toContain('STARTTLS');
    expect(await client.say('STARTTLS')).toBe('503 5.5.1 TLS is on already');
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('says nothing of who only looks whether it is open, and logs who speaks in clear', async () => {
    const relay = await relayAt(port('implicit'));
    const looking = await TestClient.connect(relay.port);
    looking.socket.end();
    expect(await looking.rest()).toEqual([]);
    expect(failures(relay)).toEqual([]);
    const clear = await TestClient.connect(relay.port, 'EHLO client.example\r\n');
    await clear.rest();
    expect(failures(relay)).toHaveLength(1);
  });

  it('lets a message in flight end before it stops, and whoever has not finished the handshake go at once', async () => {
    const relay = await relayAt(port('implicit'));
    const idle = await TestClient.connect(relay.port);
    const client = await TestClient.overTls(connect(relay.port, '127.0.0.1'), trusting());
    await client.reply();
    await relay.close();
    expect(await client.rest()).toEqual([expect.stringMatching(/^421 4\.3\.2 /)]);
    expect(await idle.rest()).toEqual([]);
    expect(failures(relay)).toEqual([]);
  });
});

describe('a message in TLS', () => {
  it('that is large arrives whole, though the upstream reads slowly', async () => {
    const { relay, upstream } = await oneAccount({}, { listen: [port('implicit')] });
    const client = await TestClient.overTls(connect(relay.port, '127.0.0.1'), trusting());
    await client.reply();
    await client.say('EHLO client.example');
    const text = `Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(100_000)}.\r\n`;
    expect((await submit(client, text)).at(-1)).toBe('250 2.0.0 Ok: queued');
    expect(upstream.messages[0]?.data).toHaveLength(text.length);
  });

  it('whose end does not come is never sent', async () => {
    const { relay, upstream } = await oneAccount({}, { listen: [port('starttls')] });
    for (const vanish of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const clear = await greeted(relay);
      const client = await startTls(clear);
      await client.say('EHLO client.example');
      client.send(envelope);
      await replies(client, 3);
      client.send('Subject: half\r\n\r\nof it\r\n');
      const before = upstream.truncated.length;
      (vanish === 'end' ? client : clear).socket[vanish]();
      await expect.poll(() => upstream.truncated.length).toBe(before + 1);
    }
    expect(upstream.messages).toEqual([]);
  });
});

describe('a port that tells TLS from SMTP', () => {
  it('serves who begins with TLS at once, and who waits for the greeting, with STARTTLS', async () => {
    const relay = await relayAt(port('auto'));
    const tls = await TestClient.overTls(connect(relay.port, '127.0.0.1'), trusting());
    expect(await tls.reply()).toMatch(/^220 /);
    await tls.say('EHLO client.example');
    expect((await submit(tls)).at(-1)).toBe('250 2.0.0 Ok: queued');

    const clear = await greeted(relay);
    const client = await startTls(clear);
    await client.say('EHLO client.example');
    expect((await submit(client)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it('knows TLS however the first record is cut', async () => {
    const relay = await relayAt(port('auto'));
    const middle = createServer((near) => {
      const far = connect({ port: relay.port, host: '127.0.0.1', noDelay: true });
      far.pipe(near);
      near.on('data', (octets: Buffer) => {
        // Each in a turn of its own, so that they come one by one.
        near.pause();
        void oneByOne(octets, far).then(() => near.resume());
      });
    });
    afterwards(() => new Promise((resolve) => middle.close(() => resolve())));
    await new Promise<void>((resolve) => middle.listen(0, '127.0.0.1', resolve));
    const near = connect((middle.address() as AddressInfo).port, '127.0.0.1');
    const client = await TestClient.overTls(near, trusting());
    expect(await client.reply()).toMatch(/^220 /);
    client.end();
  });

  it('waits half a second for TLS, and throws out who speaks first in clear', async () => {
    const clock = new VirtualClock();
    const relay = await relayAt(port('auto'), clock);
    const early = await TestClient.connect(relay.port, 'EHLO client.example\r\n');
    expect(await early.rest()).toEqual([]);
    const patient = await TestClient.connect(relay.port);
    await expect.poll(() => clock.nextTimerMs).toBeLessThanOrEqual(500);
    await clock.advance(499);
    expect(patient.received).toBe('');
    await clock.advance(2);
    expect(await patient.reply()).toMatch(/^220 /);
  });
});

describe('a certificate', () => {
  const serial = (client: TestClient) => (client.socket as TLSSocket).getPeerCertificate().serialNumber;

  it('that is renewed is used from the next connection on, and those that are open go on', async () => {
    const own = await authority.issue(`renewed-${++count}`);
    const relay = await relayAt(port('implicit', { certificate: own }));
    const before = await TestClient.overTls(connect(relay.port, '127.0.0.1'), trusting());
    await before.reply();
    const renewed = await authority.issue(`renewed-${count}`);
    expect(renewed.certificateFile).toBe(own.certificateFile);
    await expect
      .poll(() => relay.log.map(({ message }) => message))
      .toContain('the new certificate is in use');
    const after = await TestClient.overTls(connect(relay.port, '127.0.0.1'), trusting());
    expect(serial(after)).not.toBe(serial(before));
    await before.say('EHLO client.example');
    expect((await submit(before)).at(-1)).toBe('250 2.0.0 Ok: queued');
  });

  it.each([
    [
      'another key than its own',
      async () => (await authority.issue('other')).certificate,
      /another certificate’s/,
    ],
    [
      'an empty key',
      async (own: Certificate) => {
        await writeFile(own.keyFile, '');
        return own.certificate;
      },
      /is no certificate with its key/,
    ],
    ['no PEM', async () => 'no certificate\n', /no start line|PEM/],
    [
      'its time behind it',
      async (own: Certificate) => {
        const expired = await authority.issue('expired', { validTo: new Date(Date.now() - 1000) });
        await writeFile(own.keyFile, expired.key);
        return expired.certificate;
      },
      /expired/,
    ],
  ] as const)('with %s is refused, the old one stays, and the log says why', async (_, replace, why) => {
    const own = await authority.issue(`own-${++count}`);
    const relay = await relayAt(port('implicit', { certificate: own }));
    await writeFile(own.certificateFile, await replace(own));
    const refusals = () =>
      relay.log.filter(({ message }) => message === 'the new certificate is refused, the old one stays');
    await expect.poll(() => refusals().at(-1)?.fields['cause']).toMatch(why);
    const client = await TestClient.overTls(connect(relay.port, '127.0.0.1'), trusting());
    expect(await client.reply()).toMatch(/^220 /);
  });

  it.each([
    ['that is missing', join('/nowhere', 'mail.pem'), /the certificate \/nowhere\/mail\.pem cannot be read/],
    ['that is none', import.meta.filename, /is no certificate with its key/],
  ])('%s ends the start with what to do', async (_, certificateFile, message) => {
    const listener = port('starttls', { certificate: { ...certificate, certificateFile } });
    await expect(relayAt(listener)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/relay\.listen|PEM/),
    });
  });
});
