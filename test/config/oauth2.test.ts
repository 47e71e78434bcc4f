/** `oauth2` of a port, held against what Dovecot calls its options and takes for their values. */
import { describe, expect, it } from 'vitest';
import type { OAuth2Settings } from '../../src/config/oauth2.js';
import { parseConfig } from '../../src/config/parse.js';

const introspection_url = 'https://idp.example/introspect';
const local = { jwks_url: 'https://idp.example/jwks', issuers: 'https://idp.example', client_id: 'mail' };

function read(oauth2: object): OAuth2Settings {
  const listen = [{ address: '127.0.0.1:2525', auth: { oauth2 } }];
  return parseConfig({ relay: { listen } }, undefined).config.relay.listen![0]!.auth!.oauth2!;
}

function complaint(oauth2: object): string {
  try {
    read(oauth2);
  } catch (thrown) {
    return (thrown as Error).message.replaceAll('relay.listen[0].auth.oauth2', '');
  }
  return 'accepted';
}

/** The full example of Dovecot's manual, its comment signs gone, without what is not supported. */
const dovecotExample = {
  tokeninfo_url: 'http://localhost/oauth/tokeninfo?access_token=',
  introspection_url: 'http://localhost/oauth/me',
  introspection_mode: 'auth',
  force_introspection: 'no',
  local_validation_key_dict: '',
  scope: 'something',
  username_attribute: 'email',
  username_format: '%Lu',
  active_attribute: '',
  active_value: '',
  issuers: '',
  openid_configuration_url: '',
  timeout_msecs: '0',
  max_parallel_connections: '10',
  tls_ca_cert_file: '/path/to/ca-certificates.txt',
  tls_ca_cert_dir: '',
  tls_cert_file: '/path/to/client/cert',
  tls_key_file: '/path/to/client/key',
};

describe('oauth2 of a port', () => {
  it("takes Dovecot's full example as it stands", () => {
    expect(read(dovecotExample)).toMatchObject({
      tokeninfo: { url: new URL(dovecotExample.tokeninfo_url), credentials: undefined },
      scopes: ['something'],
      usernameAttribute: 'email',
      tls: {
        caCertFile: '/path/to/ca-certificates.txt',
        caCertDir: undefined,
        certFile: '/path/to/client/cert',
        keyFile: '/path/to/client/key',
      },
    });
  });

  it("has Dovecot's defaults", () => {
    const settings = read({ introspection_url });
    expect(settings).toMatchObject({
      introspectionMode: 'auth',
      forceIntrospection: false,
      local: undefined,
      usernameAttribute: undefined,
      activeAttribute: undefined,
      scopes: [],
      issuers: [],
      timeoutMs: 30_000,
      maxParallelConnections: 10,
      passwordGrant: undefined,
    });
    expect(settings.usernameFormat('Bob@Corp.Example')).toBe('bob@corp.example');
  });

  it('takes name and secret out of a URL, decoded, and shows neither', () => {
    const { introspection } = read({
      introspection_url: 'https://the%40id:p%3Aw%2F@idp.example/introspect',
      introspection_mode: 'post',
    });
    expect(introspection!.url.href).toBe(introspection_url);
    expect(introspection!.credentials!.reveal()).toBe('the@id:p:w/');
    expect(JSON.stringify(introspection)).not.toContain('p:w');
  });

  it('takes the key directory as a path and in the words of Dovecot', () => {
    for (const local_validation_key_dict of ['/etc/keys/', 'fs:posix:prefix=/etc/keys/'])
      expect(read({ ...local, jwks_url: '', local_validation_key_dict }).local).toEqual({
        keyDirectory: '/etc/keys/',
        jwksUrl: undefined,
      });
  });

  it.each([
    ['pass_attrs', { pass_attrs: 'pass=x' }],
    ['debug', { debug: 'no' }],
    ['rawlog_dir', { rawlog_dir: '/tmp/oauth2' }],
    ['max_pipelined_requests', { max_pipelined_requests: 1 }],
    ['tls_cipher_suite', { tls_cipher_suite: 'HIGH' }],
    ['tls_allow_invalid_cert', { tls_allow_invalid_cert: 'TRUE' }],
    ['isuers is not supported; did you mean "issuers"', { isuers: 'https://idp.example' }],
    ['one of introspection_url, tokeninfo_url and jwks_url', { introspection_url: '' }],
    ['introspection_mode: "local" needs', { introspection_mode: 'local' }],
    ['introspection_mode: "auth" sends the token', { introspection_url: 'https://a:b@idp.example/' }],
    ['introspection_mode: expected', { introspection_mode: 'put' }],
    ['introspection_url: plain http', { introspection_url: 'http://idp.example/' }],
    ['issuers: must be set', { ...local, issuers: '' }],
    ['client_id: or scope must be set', { ...local, client_id: '' }],
    ['force_introspection: needs', { ...local, introspection_url: '', force_introspection: 'yes' }],
    ['active_value: needs', { active_value: 'true' }],
    ['username_format: %x is not supported', { username_format: '%x' }],
    ['username_format: it holds no name', { username_format: 'bob' }],
    ['use_grant_password: needs grant_url', { use_grant_password: 'yes' }],
    [
      'use_grant_password: needs client_id',
      { use_grant_password: 'yes', grant_url: 'https://idp.example/t' },
    ],
    ['client_secret: needs client_id', { client_secret: 'x' }],
    ['local_validation_key_dict: expected', { local_validation_key_dict: 'redis:host=127.0.0.1' }],
    ['timeout_msecs: expected', { timeout_msecs: '30s' }],
    ['max_parallel_connections: expected', { max_parallel_connections: 0 }],
    ['tls_ca_cert_dir: excludes', { tls_ca_cert_dir: '/a', tls_ca_cert_file: '/b' }],
    ['tls_cert_file: and tls_key_file belong', { tls_key_file: '/b' }],
    ['proxy: socks5', { proxy: 'socks5://p.example' }],
  ])('is refused with the name of what is wrong: %s', (words, keys) => {
    expect(complaint({ introspection_url, ...keys })).toContain(words);
  });
});

describe('username_format', () => {
  it.each([
    ['%u', 'Bob@Corp.Example'],
    ['%Lu', 'bob@corp.example'],
    ['%Un', 'BOB'],
    ['%n@%Ld', 'Bob@corp.example'],
    ['%L{user}', 'bob@corp.example'],
    ['100%%-%{username}', '100%-Bob'],
  ])('%s makes of Bob@Corp.Example: %s', (username_format, name) => {
    expect(read({ introspection_url, username_format }).usernameFormat('Bob@Corp.Example')).toBe(name);
  });
});
