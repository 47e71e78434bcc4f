import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/config/limits.js';
import { nearest } from '../../src/config/nearest.js';
import { parseConfig } from '../../src/config/parse.js';
import { AppError } from '../../src/core/errors.js';
import type { Secret } from '../../src/core/secret.js';

function config(json: unknown) {
  return parseConfig(json, undefined).config;
}

function error(json: unknown, source?: string): AppError {
  try {
    parseConfig(json, source);
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'config-invalid') return thrown;
    throw thrown;
  }
  throw new Error(`accepted: ${JSON.stringify(json)}`);
}

describe('an empty configuration', () => {
  it('gives the defaults', () => {
    expect(config({})).toMatchObject({
      source: undefined,
      tokenDirs: undefined,
      logLevel: 'info',
      providers: new Map(),
      accounts: new Map(),
      defaultAccount: undefined,
      relay: { listen: undefined, unknownSender: 'defer', bareNewlines: 'defuse', limits: defaultLimits },
    });
  });
});

describe('the shape of the documentation', () => {
  const { config: read, warnings } = parseConfig(
    {
      client_id: 'id',
      client_secret: '',
      token_dir: '/etc/tokens',
      refresh_window: '10m',
      providers: {
        corp: {
          token_endpoint: 'https://login.corp.example/token',
          authorization_endpoint: 'https://login.corp.example/authorize',
          scope: 'smtp offline_access',
          smtp: { host: 'smtp.corp.example', port: 587, tls: 'starttls' },
          ca_bundle_file: '/etc/ssl/corp.pem',
        },
      },
      accounts: {
        'a@corp.example': { provider: 'corp', senders: ['@Corp.example'], mechanism: 'OAUTHBEARER' },
      },
      default_account: 'a@corp.example',
      relay: {
        listen: '127.0.0.1:2525',
        unknown_sender: 'reject',
        bare_newlines: 'reject',
        limits: {
          message_size: 25_000_000,
          recipients_per_message: 100,
          command_timeout: '10m',
          data_timeout: 90,
        },
      },
    },
    '/etc/mailbearer/config.json',
  );

  it('is read in full, without a warning', () => {
    expect(warnings).toEqual([]);
    expect(read).toMatchObject({
      source: '/etc/mailbearer/config.json',
      clientId: 'id',
      tokenDirs: ['/etc/tokens'],
      refreshWindowSeconds: 600,
      defaultAccount: 'a@corp.example',
      relay: {
        listen: [{ host: '127.0.0.1', port: 2525 }],
        unknownSender: 'reject',
        bareNewlines: 'reject',
        limits: {
          ...defaultLimits,
          messageOctets: 25_000_000,
          recipientsPerMessage: 100,
          commandSeconds: 600,
          dataSeconds: 90,
        },
      },
    });
    expect(read.clientSecret?.isEmpty).toBe(true);
    expect(read.providers.get('corp')).toMatchObject({
      tokenEndpoint: 'https://login.corp.example/token',
      authorizationEndpoint: 'https://login.corp.example/authorize',
      scope: 'smtp offline_access',
      smtp: { host: 'smtp.corp.example', port: 587, tls: 'starttls' },
      caBundleFile: '/etc/ssl/corp.pem',
    });
    expect(read.accounts.get('a@corp.example')).toMatchObject({
      provider: 'corp',
      senders: ['@corp.example'],
      mechanism: 'oauthbearer',
    });
  });
});

describe("sasl-xoauth2.conf's values", () => {
  it('may be strings, numbers or booleans', () => {
    const read = config({
      client_id: 12,
      client_secret: 34,
      refresh_window: 600,
      proxy: '',
      ca_certs_dir: '',
    });
    expect(read).toMatchObject({ clientId: '12', refreshWindowSeconds: 600, proxy: '', caCertsDir: '' });
    expect((read.clientSecret as Secret).reveal()).toBe('34');
  });

  it('leave the refresh window unset when it is zero', () => {
    expect(config({ refresh_window: '0' }).refreshWindowSeconds).toBeUndefined();
  });

  it('leave an endpoint and the default account unset when they are empty', () => {
    const read = config({ token_endpoint: '', default_account: '' });
    expect([read.tokenEndpoint, read.defaultAccount]).toEqual([undefined, undefined]);
  });

  it.each([
    [{ log_to_syslog_on_failure: 'yes' }, 'info'],
    [{ log_to_syslog_on_failure: 'no' }, 'error'],
    [{ log_full_trace_on_failure: true }, 'debug'],
    [{ always_log_to_syslog: 'true' }, 'debug'],
    [{ always_log_to_syslog: 'yes', log_to_syslog_on_failure: 'no' }, 'debug'],
    [{ always_log_to_syslog: 'yes', log_level: 'warn' }, 'warn'],
  ])('choose a log level: %j is %s', (json, level) => {
    expect(config(json).logLevel).toBe(level);
  });
});

describe('an error', () => {
  it('lists every problem, each with its path, after the name of the file, with the command that checks again', () => {
    const problem = error({ client_id: {}, relay: { listen: ['127.0.0.1:25', '[::]:25'] } }, '/etc/c.json');
    expect(problem.message).toMatch(
      /^\/etc\/c\.json: client_id: expected a string; relay\.listen\[1\]: other machines can reach ::/,
    );
    expect(problem.hint).toContain('mailbearer test-config --config-file /etc/c.json');
  });

  it('never repeats a secret', () => {
    const json = {
      client_secret: ['hunter2'],
      proxy: 'socks5://me:hunter2@proxy.example',
      hunter: 'hunter2',
    };
    expect(error(json).message).not.toContain('hunter2');
  });

  it('names both accounts that claim one sender, by list, key or login name', () => {
    const twice = (b: object) =>
      error({ accounts: { first: { senders: ['a@corp.example', '@corp.example'] }, ...b } });
    expect(twice({ second: { senders: ['@CORP.example'] } }).message).toBe(
      'accounts.second.senders: "@corp.example" is a sender of accounts.first too; only one can have it',
    );
    expect(twice({ 'A@corp.example': {} }).message).toContain(
      '"a@corp.example" is a sender of accounts.first too',
    );
    expect(twice({ second: { user: 'a@corp.example' } }).message).toContain('accounts.second.senders');
  });

  it('is not that one account names its own address twice', () => {
    const accounts = { 'a@b.example': { user: 'A@b.example', senders: ['a@b.example', 'a@b.example'] } };
    expect(config({ accounts }).accounts.size).toBe(1);
  });
});

describe('an unknown key', () => {
  it('is a warning that names its path and the nearest known key, and nothing else is lost', () => {
    const { config: read, warnings } = parseConfig(
      {
        cleint_id: 'x',
        client_secret: 'kept',
        zzz: 1,
        relay: { listn: 'x', limits: { connection: 5 } },
        accounts: { 'a@b': { sender: [], smtp: { hots: 'x', port: 465 } } },
        providers: { corp: { client_idd: 'x' } },
      },
      '/etc/c.json',
    );
    expect(warnings.toSorted()).toEqual([
      '/etc/c.json: accounts.a@b.sender: unknown key, ignored; did you mean "senders"?',
      '/etc/c.json: accounts.a@b.smtp.hots: unknown key, ignored; did you mean "host"?',
      '/etc/c.json: cleint_id: unknown key, ignored; did you mean "client_id"?',
      '/etc/c.json: providers.corp.client_idd: unknown key, ignored; did you mean "client_id"?',
      '/etc/c.json: relay.limits.connection: unknown key, ignored; did you mean "connections"?',
      '/etc/c.json: relay.listn: unknown key, ignored; did you mean "listen"?',
      '/etc/c.json: zzz: unknown key, ignored',
    ]);
    expect(read.clientSecret?.reveal()).toBe('kept');
    expect(read.accounts.get('a@b')?.smtp).toEqual({ port: 465 });
  });

  it('does not hide an error beside it', () => {
    expect(error({ zzz: 1, client_id: {} }).message).toBe('client_id: expected a string');
  });

  it('is compared by slips of the hand, a swap of neighbours being one', () => {
    expect(nearest('relya', ['delay', 'relay'])).toBe('relay');
    expect(nearest('hots', ['host', 'port'])).toBe('host');
    expect(nearest('tls', ['user', 'host'])).toBeUndefined();
  });
});
