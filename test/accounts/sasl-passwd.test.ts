import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSaslPasswd, readSaslPasswd, saslLogin } from '../../src/accounts/sasl-passwd.js';

describe('sasl_passwd', () => {
  it('gives the login name of each token file', () => {
    const text = [
      '# a comment',
      '   # an indented one',
      '',
      '[smtp.gmail.com]:587\tann@a.example:/etc/tokens/ann',
      '[smtp.office365.com]:587   bob@b.example:/etc/tokens/with space:and colon  ',
      'carol@c.example carol@c.example:/etc/tokens/carol\r',
    ].join('\n');
    expect([...parseSaslPasswd(text)]).toEqual([
      ['/etc/tokens/ann', 'ann@a.example'],
      ['/etc/tokens/with space:and colon', 'bob@b.example'],
      ['/etc/tokens/carol', 'carol@c.example'],
    ]);
  });

  it('continues a line with one that starts with white space, across comments', () => {
    const text = '[smtp.gmail.com]:587\n# between\n\n  ann@a.example:/etc/tokens/ann\n';
    expect([...parseSaslPasswd(text)]).toEqual([['/etc/tokens/ann', 'ann@a.example']]);
  });

  it('passes over passwords and lines that say nothing', () => {
    const text =
      'mail.example user:secret\nmail.example user\nmail.example user:\nmail.example :/etc/tokens/x\n';
    expect(parseSaslPasswd(text).size).toBe(0);
  });

  it('names a token file of several hops by its first entry', () => {
    const text = 'one a@a.example:/etc/tokens/x\ntwo b@b.example:/etc/tokens/x\n';
    expect(parseSaslPasswd(text).get('/etc/tokens/x')).toBe('a@a.example');
  });

  it('is read from disk; one that is missing or unreadable says nothing', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mailbearer-sasl-'));
    const file = join(directory, 'sasl_passwd');
    expect((await readSaslPasswd(file)).size).toBe(0);
    expect((await readSaslPasswd(directory)).size).toBe(0);
    await writeFile(file, 'one a@a.example:/etc/tokens/x\n');
    expect((await readSaslPasswd(file)).get('/etc/tokens/x')).toBe('a@a.example');
    await rm(directory, { recursive: true });
  });
});

describe('the login name of a token file', () => {
  const logins = parseSaslPasswd('a short@a.example:/tokens/x\nb long@b.example:/etc/tokens/x\n');

  it('is found by its path, also below the directory of a chroot', () => {
    expect(saslLogin(logins, '/etc/tokens/x')).toBe('long@b.example');
    expect(saslLogin(logins, '/var/spool/postfix/etc/tokens/x')).toBe('long@b.example');
    expect(saslLogin(logins, '/srv/tokens/x')).toBe('short@a.example');
  });

  it('is not found by a part of a name', () => {
    for (const file of ['/srv/my-tokens/x', '/etc/tokens/x.bak', '/etc/tokens/ax', 'x'])
      expect(saslLogin(logins, file)).toBeUndefined();
  });
});
