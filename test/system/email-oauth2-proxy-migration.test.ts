/**
 * The guide for who comes from email-oauth2-proxy: the configuration that it makes of an emailproxy.config, the sign-in
 * and the port that stays.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { signIn } from '../../examples/demo/openid-provider.js';
import { freePort, startProgram } from '../support/process.js';
import { binaryPath, startBinary } from '../support/run-binary.js';
import { alice, blockOf, inbox } from './guide.js';
import { startMailService } from './mail-service.js';
import { compose } from './message.js';
import { programsMissing } from './requirements.js';
import { submitMessage } from './smtp-dialogue.js';
import { teardown } from './teardown.js';

describe.skipIf(programsMissing())('a machine that had email-oauth2-proxy', () => {
  it('sends with the configuration, the sign-in and the port of the guide', async () => {
    const { authority, directory, provider, server } = await startMailService({
      accounts: [alice],
      recipients: [inbox],
    });
    const port = await freePort();
    const changes = {
      'https://login.corp.example/authorize': provider.authorizationEndpoint,
      'https://login.corp.example/token': provider.tokenEndpoint,
      'smtp offline_access': 'openid offline_access smtp',
      '"1234"': `"${provider.clientId}"`,
      '"5678"': `"${provider.clientSecret}"`,
      'smtp.corp.example': 'localhost',
      '1587': String(port),
      '"port": 587': `"port": ${server.port}`,
      'you@corp.example': alice,
      '/etc/tokens': join(directory, 'tokens'),
    };
    const config = {
      ...(JSON.parse(await blockOf('from-email-oauth2-proxy', 'config.json', changes)) as object),
      token_dir: join(directory, 'tokens'),
      ca_bundle_file: authority.certificateFile,
    };
    const configFile = join(directory, 'config.json');
    await mkdir(config.token_dir);
    await writeFile(configFile, JSON.stringify(config));

    const line = await blockOf('from-email-oauth2-proxy', 'get-token', changes);
    const [, args = ''] = /^sudo -u postfix mailbearer (.*)\n$/.exec(line) ?? [];
    const command = startBinary([...args.split(' '), '--config-file', configFile]);
    const [page] = await command.says(/http:\S+\/auth\S+/);
    await signIn(page, { login: alice });
    expect(await command.finished).toMatchObject({ status: 0 });

    const serve = teardown.add(
      startProgram(process.execPath, [binaryPath, 'serve', '--config-file', configFile]),
    );
    await serve.waitForOutput(/ready/);
    const message = compose('moved', 'It works.\r\n');
    await submitMessage(port, { from: alice, to: [inbox], message });
    expect(String(await server.nextMessage(inbox))).toContain(`(Authenticated sender: ${alice})`);
  });
});
