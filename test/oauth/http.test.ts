/** The transport: proxies, authorities, and servers that do what no server should. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { systemClock } from '../../src/core/clock.js';
import { type HttpOptions, type HttpSettings, post } from '../../src/oauth/http.js';
import {
  type Certificate,
  type CertificateAuthority,
  createCertificateAuthority,
} from '../support/certificates.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';
import { startTokenEndpoint } from '../support/token-endpoint.js';
import { startConnectProxy } from './connect-proxy.js';

const direct: HttpSettings = { proxy: undefined, caBundleFile: undefined, caCertsDir: undefined };
const closers: (() => Promise<void>)[] = [];
let directory: TemporaryDirectory;
let authority: CertificateAuthority;
let certificate: Certificate;

beforeAll(async () => {
  directory = await temporaryDirectory();
  authority = await createCertificateAuthority(join(directory.path, 'authority'));
  certificate = await authority.issue('server');
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
afterAll(() => directory.remove());

async function endpoint(...args: Parameters<typeof startTokenEndpoint>) {
  const started = await startTokenEndpoint(...args);
  closers.push(() => started.close());
  return started;
}

async function proxy(...args: Parameters<typeof startConnectProxy>) {
  const started = await startConnectProxy(...args);
  closers.push(() => started.close());
  return started;
}

function send(url: URL, settings: Partial<HttpSettings> = {}, options: HttpOptions = {}) {
  return post(url, { 'content-type': 'text/plain' }, 'hello', { ...direct, ...settings }, options);
}

describe('defect 9: a server that does not answer', () => {
  it.each(['hang', 'stall'] as const)('is left after 30 seconds in all: %s', async (fault) => {
    const server = await endpoint();
    server.script(fault);
    const timers: number[] = [];
    let fire = () => undefined as void;
    const clock: Clock = {
      ...systemClock,
      setTimer(delayMs, callback) {
        timers.push(delayMs);
        fire = callback;
        return { cancel: () => undefined };
      },
    };
    const answer = send(server.url, {}, { clock });
    await server.waitForRequests(1);
    fire();
    await expect(answer).rejects.toThrow('no answer within 30 s');
    expect(timers).toEqual([30_000]);
  });

  it('is left when it goes over to another protocol, which nobody asked for', async () => {
    const server = await endpoint();
    server.script({ status: 101, headers: { connection: 'upgrade', upgrade: 'other' }, body: '' });
    await expect(send(server.url, {}, { timeoutMs: 200 })).rejects.toThrow('no answer within 0.2 s');
  });

  it('is left when the caller gives up', async () => {
    const server = await endpoint();
    server.script('hang');
    const caller = new AbortController();
    const answer = send(server.url, {}, { signal: caller.signal });
    await server.waitForRequests(1);
    caller.abort(new Error('shutting down'));
    await expect(answer).rejects.toThrow('shutting down');
  });
});

describe('defect 9: redirects', () => {
  it.each([301, 302, 303, 307, 308])('%i is an answer, not an order', async (status) => {
    const elsewhere = await endpoint();
    const server = await endpoint();
    server.script({ status, headers: { location: elsewhere.url.href } });
    expect(await send(server.url)).toMatchObject({ status, location: elsewhere.url.href });
    expect(elsewhere.requests).toHaveLength(0);
  });
});

describe('answers', () => {
  it('come as they are, whatever the status', async () => {
    const server = await endpoint();
    server.script({ status: 503, headers: { 'retry-after': '7' }, body: '\uFEFFé' });
    expect(await send(server.url)).toEqual({
      status: 503,
      retryAfter: '7',
      location: undefined,
      date: expect.stringMatching(/ GMT$/) as string,
      body: 'é',
    });
    expect(server.requests[0]).toMatchObject({ method: 'POST', body: 'hello' });
  });

  it('of a mebibyte are read, longer ones are not', async () => {
    const server = await endpoint();
    server.script({ body: 'x'.repeat(1_048_576) }, { body: 'x'.repeat(1_048_577) }, 'endless');
    expect((await send(server.url)).body).toHaveLength(1_048_576);
    await expect(send(server.url)).rejects.toThrow('1048576 bytes');
    await expect(send(server.url)).rejects.toThrow('1048576 bytes');
  });

  it('that end in a reset say so', async () => {
    const server = await endpoint();
    server.script('reset');
    await expect(send(server.url)).rejects.toThrow(/ECONNRESET|other side closed/);
  });

  it('are asked for once only: a refresh may have been carried out', async () => {
    const server = await endpoint();
    server.script('reset', { body: 'second' });
    await expect(send(server.url)).rejects.toThrow(/ECONNRESET|other side closed/);
    expect(server.requests).toHaveLength(1);
  });
});

describe('authorities', () => {
  it('are the built-in ones unless the account names others', async () => {
    const server = await endpoint(certificate);
    await expect(send(server.url)).rejects.toThrow(/certificate/);
    expect((await send(server.url, { caBundleFile: authority.certificateFile })).status).toBe(200);
    expect(server.requests).toHaveLength(1);
  });

  it('may be a directory of files, with other things in it', async () => {
    const server = await endpoint(certificate);
    const caCertsDir = join(directory.path, 'certs');
    await mkdir(join(caCertsDir, 'private'), { recursive: true });
    await writeFile(join(caCertsDir, 'README'), 'nothing');
    await writeFile(join(caCertsDir, 'ours.pem'), authority.certificate);
    await symlink('ours.pem', join(caCertsDir, '0a0b0c0d.0'));
    expect((await send(server.url, { caCertsDir })).status).toBe(200);
  });

  it('must be there', async () => {
    const server = await endpoint(certificate);
    const caBundleFile = join(directory.path, 'nowhere.pem');
    await expect(send(server.url, { caBundleFile })).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining(caBundleFile),
    });
    expect(server.requests).toHaveLength(0);
  });

  it('do not excuse a certificate for another name', async () => {
    const other = await authority.issue('other', { names: ['mail.example'] });
    const server = await endpoint(other);
    await expect(send(server.url, { caBundleFile: authority.certificateFile })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });
});

describe('a proxy', () => {
  it('carries the request in a tunnel, with its login', async () => {
    const server = await endpoint(certificate);
    const { url, connects } = await proxy();
    url.username = 'me';
    url.password = 'p:w';
    const settings = { proxy: url, caBundleFile: authority.certificateFile };
    expect((await send(server.url, settings)).status).toBe(200);
    const authorization = `Basic ${Buffer.from('me:p:w').toString('base64')}`;
    expect(connects).toEqual([{ target: server.url.host, authorization }]);
  });

  it('may be spoken to over TLS, and shows a certificate of its own name', async () => {
    const server = await endpoint(await authority.issue('behind', { names: ['localhost'] }));
    const { url, connects } = await proxy({ tls: await authority.issue('proxy', { names: ['127.0.0.1'] }) });
    const settings = { proxy: url, caBundleFile: authority.certificateFile };
    const target = new URL(server.url.href.replace('127.0.0.1', 'localhost'));
    expect((await send(target, settings)).status).toBe(200);
    url.hostname = 'localhost';
    await expect(send(target, settings)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(connects).toHaveLength(1);
  });

  it('that refuses is named with its status', async () => {
    const server = await endpoint(certificate);
    const { url } = await proxy({ refuseWith: 407 });
    await expect(send(server.url, { proxy: url })).rejects.toThrow(/407/);
    expect(server.requests).toHaveLength(0);
  });

  it('on another machine never carries plain http, which is for this one', async () => {
    const server = await endpoint();
    expect((await send(server.url, { proxy: new URL('http://proxy.invalid:3128') })).status).toBe(200);
  });

  it('of another kind is refused by name', async () => {
    const server = await endpoint(certificate);
    const settings = { proxy: new URL('socks5://127.0.0.1:1080') };
    await expect(send(server.url, settings)).rejects.toThrow('socks5');
  });
});
