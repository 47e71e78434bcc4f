/** The guides for Gmail and Microsoft: their parts of the configuration, at providers of these tests. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startApplicationProvider } from '../oauth/application-provider.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { temporaryDirectory } from '../support/process.js';
import { runBinary } from '../support/run-binary.js';
import { alice, blockOf, bob, inbox, startScene } from './guide.js';
import { compose } from './message.js';
import { programsMissing } from './requirements.js';
import { submitMessage } from './smtp-dialogue.js';
import { teardown } from './teardown.js';

describe.skipIf(programsMissing())('the guide for Gmail', () => {
  it('sends for other addresses that the account names', async () => {
    const scene = await startScene(async (pages) => {
      const { accounts } = (await pages.json('gmail', 'config.json')) as { accounts: Record<string, object> };
      return { accounts: { [bob]: { provider: 'corp' }, [alice]: { provider: 'corp', ...accounts[alice] } } };
    });
    for (const from of ['you@corp.example', 'news@lists.corp.example']) {
      const message = compose('in another name', 'It works.\r\n');
      const stored = await scene.arrival(() =>
        submitMessage(scene.relay.port, { from, to: [inbox], message }),
      );
      expect(stored).toContain(`Return-Path: <${from}>`);
      expect(stored).toContain(`(Authenticated sender: ${alice})`);
    }
  });
});

describe('the guide for Microsoft', () => {
  /** Runs commands with a configuration of the page, in a directory with these files. */
  async function configured(mark: string, changes: Record<string, string>, files: Record<string, string>) {
    const { path, remove } = await temporaryDirectory();
    teardown.defer(remove);
    await mkdir(join(path, 'tokens'));
    for (const [name, content] of Object.entries(files))
      await writeFile(join(path, name), content, { mode: 0o600 });
    const text = await blockOf('microsoft', mark, { ...changes, '/etc/mailbearer': path });
    const configuration = { ...(JSON.parse(text) as object), token_dir: join(path, 'tokens') };
    await writeFile(join(path, 'config.json'), JSON.stringify(configuration));
    return (...command: string[]) => runBinary([...command, '--config-file', join(path, 'config.json')]);
  }

  it('gets tokens for several mailboxes with one application', async () => {
    const { path, remove } = await temporaryDirectory();
    teardown.defer(remove);
    const { certificate, key } = await (await createCertificateAuthority(path)).issue('application');
    const scope = 'https://outlook.office365.com/.default';
    const provider = await startApplicationProvider({ certificate, scope });
    teardown.defer(() => provider.close());
    const mailbearer = await configured(
      'application config.json',
      {
        '00000000-0000-0000-0000-000000000000': provider.withCertificate.clientId,
        'https://login.microsoftonline.com/corp.example/oauth2/v2.0/token': provider.tokenEndpoint.href,
      },
      { 'app.pem': certificate, 'app.key': key },
    );
    const { stdout, status } = await mailbearer('refresh', '--json');
    expect({ status, stdout }).toMatchObject({ status: 0 });
    expect(provider.requests).toBe(2);
  });

  it('knows the server of High Volume Email', async () => {
    const mailbearer = await configured(
      'hve config.json',
      {},
      { 'tokens/bulk@corp.example': '{ "client_id": "id", "client_secret": "", "refresh_token": "R" }' },
    );
    const { stdout } = await mailbearer('test-config', '--json');
    expect(stdout).toContain('smtp-hve.office365.com');
  });
});
