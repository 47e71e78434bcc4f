/**
 * Whether strangers may read secrets: token files, and the configuration where it holds a client secret. `--fix`
 * takes the rights of others away, and nothing else: a group may be meant.
 */
import { chmod, stat } from 'node:fs/promises';
import { describeCause } from '../../core/errors.js';
import { fail, type Machine, type MachineCheck, pass, type Verdict } from './check.js';

const othersMayRead = 0o004;
const othersMayAnything = 0o007;

export const filesCheck: MachineCheck = {
  name: 'files',
  async run(machine) {
    const paths = secretFiles(machine);
    const verdicts = await Promise.all(paths.map((path) => examine(path, machine)));
    const faults = verdicts.filter((verdict) => verdict !== undefined);
    return faults.length > 0 ? faults : [pass(`${paths.length} with secrets, none readable for everyone`)];
  },
};

function secretFiles({ accounts, config }: Machine): readonly string[] {
  const holdsSecret = [config, ...config.providers.values(), ...config.accounts.values()].some(
    ({ clientSecret }) => clientSecret !== undefined && !clientSecret.isEmpty,
  );
  const keys = [...config.providers.values(), ...config.accounts.values()].flatMap(({ grant }) =>
    [grant?.keyFile, grant?.serviceAccountFile].filter((path) => path !== undefined),
  );
  const own = holdsSecret && config.source !== undefined ? [config.source] : [];
  return [...new Set([...own, ...keys, ...accounts.map(({ path }) => path)])];
}

/** Undefined when nothing is wrong; a token file that is missing is its account's own trouble. */
async function examine(path: string, { fix }: Machine): Promise<Verdict | undefined> {
  let mode: number;
  try {
    ({ mode } = await stat(path));
  } catch {
    return undefined;
  }
  if ((mode & othersMayRead) === 0) return undefined;
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  const remedy = `chmod o= ${path}`;
  if (!fix)
    return fail(`everyone on this machine may read ${path} (mode ${octal})`, `${remedy}, or doctor --fix`);
  try {
    await chmod(path, mode & 0o7777 & ~othersMayAnything);
    return pass(`${path} was readable for everyone (mode ${octal}), and is not any more`);
  } catch (error) {
    return fail(`the mode of ${path} cannot be changed: ${describeCause(error)}`, remedy);
  }
}
