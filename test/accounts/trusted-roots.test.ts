/** Whom an account trusts: files that are read, and what is said of those that are not what they should be. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTrustedRoots } from '../../src/accounts/trusted-roots.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { temporaryDirectory } from '../support/process.js';

let directory: string;
let remove: () => Promise<void>;
let good: string;

beforeAll(async () => {
  const made = await temporaryDirectory();
  directory = made.path;
  remove = () => made.remove();
  good = `${(await createCertificateAuthority(join(directory, 'authority'))).certificate.trim()}\n`;
});
afterAll(() => remove());

async function bundle(name: string, text: string) {
  const caBundleFile = join(directory, name);
  await writeFile(caBundleFile, text);
  return readTrustedRoots({ caBundleFile, caCertsDir: undefined });
}

/** Some octets in the middle are lost. */
function damaged(certificate: string): string {
  return certificate.slice(0, 120) + certificate.slice(160);
}

describe('ca_bundle_file', () => {
  it('may hold several certificates, with words in between', async () => {
    const text = `# one\n${good}\n# and again\n${good.replaceAll('\n', '\r\n')}`;
    expect((await bundle('two.pem', text)).ca).toEqual([text]);
  });

  it.each<[string, () => string, RegExp]>([
    ['a damaged certificate', () => damaged(good), /certificate 1 in .*bad\.pem is damaged/],
    ['a damaged one behind a good one', () => good + damaged(good), /certificate 2 in .* is damaged/],
    ['one that is cut off', () => good + good.slice(0, 100), /certificate 2 in .* is damaged/],
    ['a key alone', () => '-----BEGIN PRIVATE KEY-----\nAA==\n', /it holds no PEM certificate/],
    ['nothing', () => '', /it holds no PEM certificate/],
  ])('with %s is refused, and the file is named', async (_, text, why) => {
    const failure = await bundle('bad.pem', text()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'config-invalid', publicDetail: 'ca_bundle_file' });
    expect(String(failure)).toMatch(/ca_bundle_file .*bad\.pem: /);
    expect(String(failure)).toMatch(why);
  });
});

describe('ca_certs_dir', () => {
  it('is read file by file, and a damaged one is named', async () => {
    const caCertsDir = join(directory, 'roots');
    await mkdir(caCertsDir);
    await writeFile(join(caCertsDir, 'README'), 'no certificate');
    await writeFile(join(caCertsDir, 'a.pem'), good);
    expect((await readTrustedRoots({ caBundleFile: undefined, caCertsDir })).ca).toEqual([good]);
    await writeFile(join(caCertsDir, 'b.pem'), damaged(good));
    await expect(readTrustedRoots({ caBundleFile: undefined, caCertsDir })).rejects.toThrow(
      /certificate 1 in .*roots\/b\.pem is damaged/,
    );
  });
});
