/** What `token_store` and `postgres` may say together. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { parseConfig } from '../../src/config/parse.js';
import { postgresName } from '../../src/config/postgres.js';

const keys = 'k1 AAAA';
const parse = (token_store: string, postgres: object = {}) =>
  parseConfig({ token_store, postgres: { keys, ...postgres } }, undefined).config.postgres;

describe('a database of accounts', () => {
  it.each([
    ['postgres://relay@db.example.com/mail', 'db.example.com', 5432, true, 'postgres://db.example.com/mail'],
    ['postgresql://relay@[::1]:5433/mail', '::1', 5433, false, 'postgres://[::1]:5433/mail'],
    ['postgres://relay@%2Frun%2Fpg/mail', '/run/pg', 5432, false, 'postgres://%2Frun%2Fpg/mail'],
  ])('%s', (url, host, port, tls, name) => {
    const settings = parse(url);
    expect(settings).toMatchObject({ host, port, tls, user: 'relay', database: 'mail' });
    expect(settings && postgresName(settings)).toBe(name);
  });

  it.each([
    ['postgres://relay:secret@db.example.com/mail', {}, /token_store: must hold no password/],
    ['postgres://relay@db.example.com/mail?sslmode=disable', {}, /takes no parameters/],
    ['postgres://db.example.com/mail', {}, /must name role, server and database/],
    ['postgres://relay@db.example.com/', {}, /must name role, server and database/],
    ['mysql://relay@db.example.com/mail', {}, /expected "file", "keyring" or a URL/],
    ['postgres://relay@db.example.com/mail', { tls: 'off' }, /postgres\.tls: .* in clear/],
    ['postgres://relay@%2Frun%2Fpg/mail', { tls: 'verify-full' }, /no TLS on a local socket/],
    ['postgres://relay@db.example.com/mail', { keys: undefined }, /postgres\.keys: is missing/],
  ])('%s with %j is refused', (url, postgres, problem) => {
    expect(() => parse(url, postgres)).toThrow(problem);
    try {
      parse(url, postgres);
    } catch (error) {
      expect(String(error)).not.toContain('secret');
    }
  });

  it('has its secrets elsewhere, and nowhere else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mailbearer-'));
    const [configFile, keyFile] = [join(directory, 'config.json'), join(directory, 'keys')];
    const token_store = 'postgres://relay@127.0.0.1/mail';
    const load = async (postgres: object) => {
      await writeFile(configFile, JSON.stringify({ token_store, postgres }));
      return (await loadConfig({ configFile, env: { PG: 'pass' } })).config;
    };
    try {
      await writeFile(keyFile, 'k2 B\nk1 A\n');
      const { postgres, secretFiles } = await load({ password: { env: 'PG' }, keys: { file: keyFile } });
      expect(postgres?.password?.reveal()).toBe('pass');
      expect(postgres?.keys.reveal()).toBe('k2 B\nk1 A');
      expect(secretFiles).toEqual([keyFile]);
      for (const key of ['password', 'keys'])
        await expect(load({ keys: { file: keyFile }, [key]: 'k1 A' })).rejects.toThrow(
          `postgres.${key} must not stand`,
        );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
