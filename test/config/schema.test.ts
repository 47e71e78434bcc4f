import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../src/config/parse.js';
import { configSchema } from '../../src/config/schema.js';

function message(json: unknown): string {
  try {
    parseConfig(json, undefined);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return 'accepted';
}

describe('an error in one entry', () => {
  it.each([
    [
      { accounts: { 'a@b': { refresh_window: 'soon' } } },
      'accounts.a@b.refresh_window: expected seconds or a duration such as "10m"',
    ],
    [
      { accounts: { 'a@b': { refresh_window: {} } } },
      'accounts.a@b.refresh_window: expected seconds or a duration such as "10m"',
    ],
    [
      { always_log_to_syslog: 'on' },
      "always_log_to_syslog: Invalid value 'on'. Need either 'yes'/'true' or 'no'/'false'.",
    ],
    [{ client_id: null }, 'client_id: expected a string'],
    [{ client_id: 'CLIENT_ID_GOES_HERE' }, 'client_id: still holds a placeholder; put the real value there'],
    [
      { client_secret: 'client secret goes here' },
      'client_secret: still holds a placeholder; put the real value there',
    ],
    [
      { proxy: 'socks5://proxy.example' },
      'proxy: socks5 proxies are not supported; use an http or https proxy',
    ],
    [
      { ca_bundle_file: '/a', ca_certs_dir: '/b' },
      'ca_certs_dir: excludes ca_bundle_file; keep only one of the two',
    ],
    [
      { accounts: { x: { ca_bundle_file: '/a', ca_certs_dir: '/b' } } },
      'accounts.x.ca_certs_dir: excludes ca_bundle_file; keep only one of the two',
    ],
    [{ token_dir: ['/etc/tokens', 'tokens'] }, 'token_dir[1]: expected an absolute path'],
    [{ token_dir: 5 }, 'token_dir: expected a string or a list of strings'],
    [
      { accounts: { x: { senders: 'corp.example' } } },
      'accounts.x.senders: expected an address such as "a@b.example" or a domain such as "@b.example"',
    ],
    [{ accounts: { x: { token_file: 'tokens/x' } } }, 'accounts.x.token_file: expected an absolute path'],
    [
      { providers: { corp: { smtp: { tls: 'ssl' } } } },
      'providers.corp.smtp.tls: expected "starttls", "implicit" or "none"',
    ],
    [
      { providers: { corp: { smtp: { port: 70_000 } } } },
      'providers.corp.smtp.port: expected a port number from 1 to 65535',
    ],
    [
      { providers: { corp: { smtp: { port: '587' } } } },
      'providers.corp.smtp.port: expected a port number from 1 to 65535',
    ],
    [
      { providers: { corp: { smtp: { host: 'smtp.example:587' } } } },
      'providers.corp.smtp.host: expected a host name',
    ],
    [{ providers: { corp: { smtp: { host: '[::1]' } } } }, 'providers.corp.smtp.host: expected a host name'],
    [
      { providers: { corp: { mechanism: 'plain' } } },
      'providers.corp.mechanism: expected "xoauth2" or "oauthbearer"',
    ],
    [{ log_level: 'loud' }, 'log_level: expected "trace", "debug", "info", "warn", "error" or "silent"'],
    [{ relay: { unknown_sender: 'bounce' } }, 'relay.unknown_sender: expected "defer" or "reject"'],
    [{ relay: 25 }, 'relay: expected an object'],
    [{ relay: { limits: [] } }, 'relay.limits: expected an object'],
    [{ share: 0 }, 'share: expected a number above 0, at most 1'],
    [{ share: 1.5 }, 'share: expected a number above 0, at most 1'],
    [{ relay: { limits: { connections: 0 } } }, 'relay.limits.connections: expected a whole number above 0'],
    [
      { relay: { limits: { command_timeout: '0s' } } },
      'relay.limits.command_timeout: expected seconds or a duration such as "10m"',
    ],
    [{ providers: { corp: null } }, 'providers.corp: expected an object'],
    [{ accounts: [] }, 'accounts: expected an object'],
    [[], 'expected an object'],
    ['text', 'expected an object'],
    [
      { accounts: { x: { provider: 'gmial' } } },
      'accounts.x.provider: no provider is called "gmial"; known are fastmail, gmail, hve, microsoft365, oidc, outlook, outlook-china, outlook-personal, outlook-usgov, outlook-usgov-dod; did you mean "gmail"?',
    ],
  ])('of %j names the path', (json, expected) => {
    expect(message(json)).toBe(expected);
  });

  it('speaks of endpoints wherever they stand', () => {
    for (const key of ['token_endpoint', 'authorization_endpoint', 'device_authorization_endpoint'])
      expect(message({ providers: { corp: { [key]: 'http://login.example/' } } })).toMatch(
        new RegExp(String.raw`^providers\.corp\.${key}: plain http`),
      );
  });

  it('allows "none" for TLS on this machine only', () => {
    expect(message({ accounts: { x: { smtp: { host: 'smtp.example', tls: 'none' } } } })).toMatch(
      /^accounts\.x\.smtp\.tls: "none" would send tokens in clear/,
    );
    expect(message({ accounts: { x: { smtp: { host: '127.0.0.1', tls: 'none' } } } })).toBe('accepted');
  });
});

it('every key of the schema says what it is for', () => {
  type Json = {
    properties?: Record<string, Json>;
    additionalProperties?: Json | boolean;
    description?: string;
  };
  const undescribed: string[] = [];
  let seen = 0;
  const walk = ({ properties = {}, additionalProperties }: Json, path: string) => {
    for (const [key, child] of Object.entries(properties)) {
      seen++;
      if (!child.description) undescribed.push(`${path}${key}`);
      walk(child, `${path}${key}.`);
    }
    if (typeof additionalProperties === 'object') walk(additionalProperties, `${path}*.`);
  };
  walk(z.toJSONSchema(configSchema, { io: 'input' }) as Json, '');
  expect(undescribed).toEqual([]);
  expect(seen).toBeGreaterThan(50);
});
