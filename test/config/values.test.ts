import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isAddress,
  isLoopbackHost,
  isPlaceholder,
  parseEndpoint,
  parseListenAddress,
  parseProxy,
  parseRefreshWindow,
  parseSender,
  parseSwitch,
} from '../../src/config/values.js';

describe('a loopback host', () => {
  it.each(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'LOCALHOST', 'idp.localhost'])(
    'is %s',
    (host) => {
      expect(isLoopbackHost(host)).toBe(true);
    },
  );
  it.each(['0.0.0.0', '10.0.0.1', '::', '127.0.0.1.evil.example', 'localhost.evil.example', '127.1', ''])(
    'is not "%s"',
    (host) => {
      expect(isLoopbackHost(host)).toBe(false);
    },
  );
});

describe('a placeholder', () => {
  it.each([
    'CLIENT_ID_GOES_HERE',
    'client ID goes here',
    'client secret goes here',
    'CLIENT_ID_FROM_SASL_XOAUTH2_CONF',
    'YOUR_CLIENT_ID',
    'your app id',
    '<client id>',
    '…',
    'https://login.microsoftonline.com/TENANT_ID/oauth2/v2.0/token',
    'https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token',
  ])('is recognised in "%s"', (text) => {
    expect(isPlaceholder(text)).toBe(true);
  });
  it.each([
    '',
    'client-id',
    '123-abc.apps.googleusercontent.com',
    'GOCSPX-a_b~c.{d}',
    'your~Q8secret',
    'https://login.example/token',
  ])('is not seen in "%s"', (text) => {
    expect(isPlaceholder(text)).toBe(false);
  });
});

describe('an endpoint', () => {
  it('may be https anywhere and http on this machine', () => {
    for (const url of [
      'https://login.example/token',
      'http://127.0.0.1:8080/t',
      'http://[::1]/t',
      'http://localhost/',
    ])
      expect(parseEndpoint(url)).toEqual({ value: new URL(url) });
  });
  it.each([
    ['http://login.example/token', /only https/],
    ['http://127.0.0.1.evil.example/token', /only https/],
    ['ftp://login.example/token', /https URL/],
    ['login.example/token', /expected a URL/],
    ['', /expected a URL/],
    ['https://me:pw@login.example/token', /user name or password/],
  ])('is refused when it is "%s"', (text, problem) => {
    expect(parseEndpoint(text)).toEqual({ problem: expect.stringMatching(problem) });
  });
});

describe('a proxy', () => {
  it('is an http or https URL, or host and port as curl reads them', () => {
    expect(parseProxy('https://proxy.example')).toEqual({ value: new URL('https://proxy.example') });
    expect(parseProxy('proxy.example:3128')).toEqual({ value: new URL('http://proxy.example:3128') });
  });
  it('is refused by the name of its scheme, without showing its password', () => {
    for (const scheme of ['socks4', 'socks5', 'socks5h', 'ftp'])
      expect(parseProxy(`${scheme}://me:hunter2@proxy.example`)).toEqual({
        problem: `${scheme} proxies are not supported; use an http or https proxy`,
      });
    expect(parseProxy('http://me:100%@proxy.example')).toMatchObject({
      problem: expect.stringContaining('%25') as string,
    });
    expect(JSON.stringify(parseProxy('http://me:hunter2@a b'))).toMatch(/^\{"problem":(?!.*hunter2)/);
  });
});

describe('a refresh window', () => {
  it('is seconds or a duration; zero means not set', () => {
    expect(['10m', '600', 600].map(parseRefreshWindow)).toEqual(Array(3).fill({ value: 600 }));
    expect(['0', 0, '0s'].map(parseRefreshWindow)).toEqual(Array(3).fill({ value: undefined }));
  });
  it.each(['soon', '', '-5', -5, NaN, '10 minutes', true])('is not %s', (value) => {
    expect(parseRefreshWindow(value)).toEqual({ problem: 'expected seconds or a duration such as "10m"' });
  });
});

it("a switch takes sasl-xoauth2's words and answers a wrong one in its words", () => {
  expect(['yes', 'TRUE', true].map(parseSwitch)).toEqual(Array(3).fill({ value: true }));
  expect(['no', 'False', false].map(parseSwitch)).toEqual(Array(3).fill({ value: false }));
  expect(parseSwitch('maybe')).toEqual({
    problem: "Invalid value 'maybe'. Need either 'yes'/'true' or 'no'/'false'.",
  });
});

it('a sender is an address or an @domain, kept in lower case', () => {
  expect(parseSender(' A@B.example')).toEqual({ value: 'a@b.example' });
  expect(parseSender('@B.example')).toEqual({ value: '@b.example' });
  for (const text of ['b.example', '@', 'a@', 'a@b@c', 'a b@c', ''])
    expect(parseSender(text)).toHaveProperty('problem');
});

it('an address has one @ with something on both sides', () => {
  expect(isAddress('a+b@c.example')).toBe(true);
  for (const text of ['gmail', '@c', 'a@', 'a@b@c', 'a b@c']) expect(isAddress(text)).toBe(false);
});

describe('a listen address', () => {
  it('is read back from every host and port', () => {
    const host = fc.oneof(
      fc.constantFrom('::1', '::', 'localhost', 'mail.example'),
      fc.nat(255).map((n) => `127.0.0.${n}`),
    );
    fc.assert(
      fc.property(host, fc.nat(65_535), (host, port) => {
        const text = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
        expect(parseListenAddress(text)).toEqual({ value: { host, port } });
      }),
      { numRuns: 50 },
    );
  });
  it.each(['2525', '127.0.0.1', '::1:2525', '127.0.0.1:65536', '127.0.0.1:', ''])('is not "%s"', (text) => {
    expect(parseListenAddress(text)).toEqual({ problem: expect.stringMatching(/^expected "host:port"/) });
  });
});
