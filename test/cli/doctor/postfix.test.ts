/** What doctor makes of main.cf: read by itself, and by the postconf and postmap of this machine. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lookUp, parseMainCf, sourceOf, tablesOf } from '../../../src/cli/doctor/main-cf.js';
import { findPolicy, judgeTls } from '../../../src/cli/doctor/postfix-tls.js';
import { judgeRouting } from '../../../src/cli/doctor/postfix.js';
import { hopsIn } from '../../../src/cli/doctor/next-hops.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../support/process.js';

const addresses = [{ host: '127.0.0.1', port: 2525 }];
const hop = '[127.0.0.1]:2525';
const relayhost = `relayhost = ${hop}\n`;
let directory: TemporaryDirectory;

beforeEach(async () => void (directory = await temporaryDirectory()));
afterEach(() => directory.remove());

async function route(text: string) {
  const settings = parseMainCf(text);
  const sources = await Promise.all(tablesOf(settings.get('transport_maps')).map((table) => sourceOf(table)));
  return judgeRouting(
    settings,
    sources.flatMap((source) => hopsIn(source, addresses)),
    addresses,
  );
}

async function tls(text: string, to = hop) {
  const settings = parseMainCf(relayhost + text);
  return judgeTls(settings, to, await findPolicy(settings, to));
}

describe('a main.cf', () => {
  it('is read with its comments, continued lines and parameters', () => {
    const text = '# no\nport = 2525\nrelayhost =\n  [127.0.0.1]:${port}\n\n# c\nx = $relayhost $unknown\n';
    expect(Object.fromEntries(parseMainCf(text))).toEqual({
      port: '2525',
      relayhost: hop,
      x: `${hop} $unknown`,
    });
  });

  it('names tables that braces hold together', () => {
    expect(tablesOf('hash:/etc/a, inline:{ x=y, { b = c d } } texthash:/etc/b')).toEqual([
      'hash:/etc/a',
      expect.stringMatching(/^inline:\{ x=y, /) as string,
      'texthash:/etc/b',
    ]);
  });

  it.each([
    ['to the relay', relayhost],
    ['by an address without brackets', 'relayhost = 127.0.0.1:2525\n'],
    ['and goes past it for some', `${relayhost}transport_maps = hash:/etc/postfix/transport\n`],
    ['and has a fallback', `relayhost = ${hop}, [mail.example]:25\n`],
    ['by default_transport', `default_transport = smtp:${hop}\n`],
    ['by a table', `transport_maps = inline:{ { * = smtp:${hop} } }\n`],
  ])('that leads %s is fine', async (_, text) => {
    const verdicts = await route(text);
    expect(verdicts.map(({ outcome }) => outcome)).not.toContain('fail');
    expect(verdicts.map(({ message }) => message).join('\n')).toContain('mail is handed to');
  });

  it('that names localhost without brackets is told of the DNS', async () => {
    expect(await route('relayhost = localhost:2525\n')).toEqual([
      {
        outcome: 'pass',
        message: 'mail is handed to localhost:2525',
        hint: expect.stringContaining('DNS') as string,
      },
    ]);
  });

  it.each([
    ['nowhere', ''],
    ['to a provider', 'relayhost = [smtp.gmail.com]:587\n'],
    ['to another port', 'relayhost = [127.0.0.1]:25\n'],
    ['past relayhost', `${relayhost}default_transport = smtp:[mail.example]\n`],
  ])('that leads %s has nothing to do with mailbearer, and is told how it could', async (_, text) => {
    expect(await route(text)).toEqual([
      {
        outcome: 'skip',
        message: expect.stringContaining('hands no mail') as string,
        hint: expect.stringContaining(`postconf -e 'relayhost = ${hop}'`) as string,
      },
    ]);
  });

  it.each([
    ['where the relay does not listen', 'relayhost = [::1]:2525\n', '[127.0.0.1]'],
    ['and lets nothing out', `${relayhost}default_transport = error\n`, 'postconf -X default_transport'],
  ])('that leads %s is wrong', async (_, text, hint) => {
    expect(await route(text)).toContainEqual({
      outcome: 'fail',
      message: expect.any(String) as string,
      hint: expect.stringContaining(hint) as string,
    });
  });
});

describe('TLS to the relay', () => {
  it.each([
    ['nothing is said', ''],
    ['it is opportunistic', 'smtp_tls_security_level = may\n'],
    [
      'the relay is excepted',
      `smtp_tls_security_level = encrypt\nsmtp_tls_policy_maps = inline:{ ${hop}=none }\n`,
    ],
  ])('is not demanded when %s', async (_, text) => {
    expect(await tls(text)).toMatchObject({ outcome: 'pass' });
  });

  it.each([
    ['everywhere', 'smtp_tls_security_level = encrypt\n'],
    ['by the old switch', 'smtp_enforce_tls = yes\n'],
    [
      'by an inline policy alone',
      `smtp_tls_security_level = may\nsmtp_tls_policy_maps = inline:{ ${hop}=encrypt }\n`,
    ],
  ])('is demanded %s, which an entry before all others mends', async (_, text) => {
    expect(await tls(text)).toMatchObject({
      outcome: 'fail',
      hint: expect.stringContaining(`smtp_tls_policy_maps = inline:{ ${hop}=none }`) as string,
    });
  });

  it('cannot be spoken from the first octet', async () => {
    expect(await tls('smtp_tls_wrappermode = yes\n')).toMatchObject({ outcome: 'fail' });
  });

  it('is looked up in tables of text, for the next hop as it is written', async () => {
    const file = join(directory.path, 'policy');
    await writeFile(file, `# for all\n${hop} encrypt\n127.0.0.1:2525 none\n`);
    expect(await lookUp(`texthash:${file}`, hop)).toMatchObject({ value: 'encrypt' });
    const text = `smtp_tls_security_level = encrypt\nsmtp_tls_policy_maps = texthash:${file}\n`;
    expect(await tls(text)).toMatchObject({ outcome: 'fail' });
    expect(await tls(text, '127.0.0.1:2525')).toMatchObject({ outcome: 'pass' });
  });

  it('cannot be known when a table is a directory', async () => {
    await mkdir(join(directory.path, 'policy'));
    expect(await lookUp(`texthash:${join(directory.path, 'policy')}`, hop)).toMatchObject({
      value: undefined,
    });
  });
});
