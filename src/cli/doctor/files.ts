/**
 * Whether strangers may read or change secrets: the configuration where it holds one, keys and token files; and
 * whether they may put a file of their own in the place of one. `--fix` takes rights away and gives none.
 */
import { chmod, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { defaultTokenDirectories } from '../../config/paths.js';
import { describeCause } from '../../core/errors.js';
import { findExposures, octal, secretFiles } from '../../tokens/exposure.js';
import { fail, type MachineCheck, pass, type Verdict } from './check.js';

/** What is wrong with the mode of a file or a directory. */
interface Fault {
  readonly path: string;
  readonly mode: number;
  readonly wantedMode: number;
  readonly message: string;
  readonly remedy: string;
}

const othersMayWrite = 0o002;
/** What is in such a directory only its owner can replace. */
const sticky = 0o1000;

export const filesCheck: MachineCheck = {
  name: 'files',
  looksAt:
    'The modes of token files, keys, the configuration, and the files that it takes secrets from: strangers may neither read nor change them. Nobody else may write to their directories.',
  mendedBy: '`mailbearer doctor --fix`, or the `chmod` that the line names.',
  async run({ accounts, config, fix }) {
    const paths = secretFiles(
      config,
      accounts.map(({ path }) => path),
    );
    const tokenDirectories = config.tokenDirs ?? defaultTokenDirectories;
    const directories = new Set([...tokenDirectories, ...paths.map((path) => dirname(path))]);
    // Without a secret in it, the configuration still says where tokens are sent.
    const source = config.source === undefined || paths.includes(config.source) ? [] : [config.source];
    const faults: readonly Fault[] = [
      ...(await findWritable([...directories], 'holds secrets')),
      ...(await findWritable(source, 'says where tokens are sent')),
      ...(await findExposures(paths)),
    ];
    if (faults.length === 0) return [pass(`${paths.length} with secrets, none open to strangers`)];
    return Promise.all(faults.map((fault) => judge(fault, fix)));
  },
};

/** Of `paths`, what everyone may write to. What is missing is its account's own trouble. */
async function findWritable(paths: readonly string[], why: string): Promise<readonly Fault[]> {
  const faults = await Promise.all(
    paths.map(async (path): Promise<readonly Fault[]> => {
      const mode = ((await stat(path).catch(() => undefined))?.mode ?? 0) & 0o7777;
      if ((mode & othersMayWrite) === 0 || (mode & sticky) !== 0) return [];
      const message = `everyone on this machine may write to ${path} (mode ${octal(mode)}), which ${why}`;
      return [{ path, mode, wantedMode: mode & ~othersMayWrite, message, remedy: `chmod o-w ${path}` }];
    }),
  );
  return faults.flat();
}

async function judge({ message, mode, path, remedy, wantedMode }: Fault, fix: boolean): Promise<Verdict> {
  if (!fix) return fail(message, `${remedy}, or doctor --fix`);
  try {
    await chmod(path, wantedMode);
    return pass(`${path} had mode ${octal(mode)}, open to strangers; now it has ${octal(wantedMode)}`);
  } catch (error) {
    return fail(`the mode of ${path} cannot be changed: ${describeCause(error)}`, remedy);
  }
}
