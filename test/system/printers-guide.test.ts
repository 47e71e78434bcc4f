/** The guide for printers, followed: its port, a password that its command makes, and swaks in the part of the device. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freePort, run } from '../support/process.js';
import { runBinary } from '../support/run-binary.js';
import { alice, blockOf, inbox, type Scene, startScene } from './guide.js';
import { programsMissing } from './requirements.js';

describe.skipIf(programsMissing('swaks'))('a printer, set up as its guide says', () => {
  let scene: Scene;
  let port: number;
  let password: string;

  const changes = (directory: string) => ({
    '0.0.0.0:465': `127.0.0.1:${port}`,
    'mail.corp.example:465': `localhost:${port}`,
    '192.0.2.0/24': '127.0.0.0/8',
    'scan@corp.example': alice,
    'you@corp.example': inbox,
    '/etc/mailbearer': directory,
    '\\\n': ' ',
  });
  const block = (mark: string) => blockOf('printers', mark, changes(scene.service.directory));

  beforeAll(async () => {
    port = await freePort();
    scene = await startScene(async (pages, service) => {
      const { certificate, key } = await service.authority.issue('printers');
      await writeFile(join(service.directory, 'relay.pem'), certificate);
      await writeFile(join(service.directory, 'relay.key'), key, { mode: 0o600 });
      return pages.json('printers', 'config.json', changes(service.directory));
    });
    password = (await mailbearer('passwd')).trim();
  });

  /** A command of the page, with the scene's configuration. */
  async function mailbearer(mark: string): Promise<string> {
    const [, args = ''] = /^sudo mailbearer (.*)\n$/.exec(await block(mark)) ?? [];
    const finished = await runBinary([...args.split(' '), '--config-file', scene.relay.configFile]);
    expect(finished).toMatchObject({ status: 0 });
    return finished.stdout;
  }

  const swaks = async (encryption: string) => {
    const command = (await block('swaks')).trim().replace('--tls-on-connect', encryption);
    return run('sh', ['-c', `${command} --auth-password '${password}'`]);
  };

  for (const encryption of ['--tls-on-connect', '--tls'])
    it(`sends its scans with ${encryption}`, async () => {
      expect(await scene.arrival(() => swaks(encryption))).toContain(`(Authenticated sender: ${alice})`);
    });

  it('sends nothing without TLS, nor when its password is removed', async () => {
    await expect(swaks('')).rejects.toThrow('Host did not advertise authentication');
    await mailbearer('remove');
    await expect(swaks('--tls')).rejects.toThrow('No authentication type succeeded');
  });
});
