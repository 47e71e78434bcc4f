/**
 * Whether strangers may read secrets: the configuration where it holds one, keys and token files. `--fix` takes
 * rights away and gives none.
 */
import { chmod } from 'node:fs/promises';
import { describeCause } from '../../core/errors.js';
import { type Exposure, findExposures, octal, secretFiles } from '../../tokens/exposure.js';
import { fail, type Machine, type MachineCheck, pass, type Verdict } from './check.js';

export const filesCheck: MachineCheck = {
  name: 'files',
  async run({ accounts, config, fix }: Machine) {
    const paths = secretFiles(
      config,
      accounts.map(({ path }) => path),
    );
    const exposures = await findExposures(paths);
    if (exposures.length === 0) return [pass(`${paths.length} with secrets, none open to strangers`)];
    return Promise.all(exposures.map((exposure) => judge(exposure, fix)));
  },
};

async function judge(exposure: Exposure, fix: boolean): Promise<Verdict> {
  const { message, mode, path, remedy, wantedMode } = exposure;
  if (!fix) return fail(message, `${remedy}, or doctor --fix`);
  try {
    await chmod(path, wantedMode);
    return pass(`${path} had mode ${octal(mode)}, open to strangers; now it has ${octal(wantedMode)}`);
  } catch (error) {
    return fail(`the mode of ${path} cannot be changed: ${describeCause(error)}`, remedy);
  }
}
