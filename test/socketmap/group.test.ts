/** To whom a service that is not root can give its socket: by a directory that hands its group down, and not without. */
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitStatus } from '../../src/core/errors.js';
import { startProgram, temporaryDirectory } from '../support/process.js';
import { binaryPath, runBinary } from '../support/run-binary.js';
import { afterwards } from '../relay/scene.js';

/** One that is in no group, as which the service runs here. */
const nobody = 65_534;
/** Of a group of others: daemon's, which every Linux has. */
const daemonGroup = 1;
const isRoot = process.getuid?.() === 0;
const hasNamespaces = isRoot && spawnSync('unshare', ['--user', '--map-root-user', 'true']).status === 0;

async function prepare(): Promise<{ config: string; place: string; socket: string }> {
  const root = await temporaryDirectory();
  afterwards(() => root.remove());
  const place = join(root.path, 'place');
  await mkdir(place);
  await chown(place, nobody, nobody);
  const config = join(root.path, 'config.json');
  const socket = join(place, 'socketmap');
  await writeFile(
    config,
    JSON.stringify({
      token_dir: root.path,
      state_dir: place,
      relay: { listen: [] },
      socketmap: { listen: `unix:${socket}`, group: 'daemon' },
    }),
  );
  return { config, place, socket };
}

describe.skipIf(!isRoot)('the group of the socketmap', () => {
  it('cannot be one that the service is not in, and the command says what to do', async () => {
    const { config, place } = await prepare();
    const { status, stderr } = await runBinary(['serve', '--config-file', config], { userId: nobody });
    expect(status).toBe(exitStatus.unavailable);
    expect(stderr).toMatch(/cannot be given to the group daemon: EPERM/);
    expect(stderr).toContain(`install -d -o USER_OF_SERVE -g daemon -m 2750 ${place}`);
    await expect(stat(join(place, 'socketmap'))).rejects.toThrow(/ENOENT/);
  });

  it.skipIf(!hasNamespaces)(
    'comes from its directory, even where the groups of others are hidden',
    async () => {
      const { config, place, socket } = await prepare();
      await chown(place, 0, daemonGroup);
      const serve = [process.execPath, binaryPath, 'serve', '--config-file', config];
      const hidden = () => startProgram('unshare', ['--user', '--map-root-user', ...serve]);
      const refused = hidden();
      await refused.waitForOutput(/cannot be given to the group daemon: EINVAL/);
      expect((await refused.exited).code).toBe(exitStatus.unavailable);

      await chmod(place, 0o2750);
      const program = hidden();
      afterwards(async () => void (await program.stop()));
      await program.waitForOutput(/"msg":"ready"/);
      const { gid, mode } = await stat(socket);
      expect([gid, mode & 0o777]).toEqual([daemonGroup, 0o660]);
    },
  );
});
