/**
 * A machine within the machine, for Debian's packages that cannot be installed beside Postfix, or whose paths are
 * compiled in: what `.ci/unpack` has unpacked lies over /usr, /etc is a copy, and /run, /var/lib, /var/log
 * and /var/spool are empty, in a mount namespace that ends with the program. The network is the machine's own. What
 * it writes stays in the test's directory. Needs root.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, type RunningProgram, startProgram } from './process.js';

export interface DebianMachine {
  /** Runs a program of the package, or of the machine, to its end; gives its standard output. */
  run(command: readonly string[], input?: string): Promise<string>;
  start(...command: readonly string[]): RunningProgram;
  /** Where something below /etc, /run or /var really is. */
  path(inside: string): string;
}

export interface MachineOptions {
  readonly directory: string;
  /** Files by their absolute path; the package's own are replaced. */
  readonly files: Readonly<Record<string, string>>;
  /** System users, each with a group of the same name, that the package's installation would make. */
  readonly users?: readonly string[];
}

const unpacked = fileURLToPath(new URL('../../.ci/unpacked', import.meta.url));
const places = ['etc', 'run', 'var/lib', 'var/log', 'var/spool'];
const script = `set -e
[ -z "$1" ] || mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
for place in ${places.join(' ')}; do mount --bind "$2/$place" "/$place"; done
shift 2
exec "$@"`;

/** Where `.ci/unpack` has put a program. */
export function unpackedDirectory(name: string): string {
  return join(unpacked, name);
}

/** The programs among these that nobody has unpacked. */
export function packagesMissing(names: readonly string[]): string[] {
  return names.filter((name) => !existsSync(unpackedDirectory(name)));
}

/** Without a name of packages it has the machine's own. */
export async function makeDebianMachine(
  name: string | undefined,
  options: MachineOptions,
): Promise<DebianMachine> {
  const { directory } = options;
  const packages = name === undefined ? '' : unpackedDirectory(name);
  const path: DebianMachine['path'] = (inside) => join(directory, inside);
  for (const place of places) await mkdir(path(place), { recursive: true, mode: 0o755 });
  // Owners and modes count, shadow's for example.
  await run('cp', ['--archive', '/etc/.', path('etc')]);
  if (packages !== '') await cp(join(packages, 'etc'), path('etc'), { recursive: true });
  for (const [index, user] of (options.users ?? []).entries()) {
    const id = 64_000 + index;
    await appendFile(path('etc/passwd'), `${user}:x:${id}:${id}::/nonexistent:/usr/sbin/nologin\n`);
    await appendFile(path('etc/group'), `${user}:x:${id}:\n`);
  }
  for (const [file, content] of Object.entries(options.files)) {
    await mkdir(dirname(path(file)), { recursive: true });
    await writeFile(path(file), content);
    await chmod(path(file), 0o644);
  }

  const within = (command: readonly string[]) => [
    ...['--mount', 'sh', '-c', script, 'sh', packages, directory],
    ...command,
  ];
  return {
    path,
    start: (...command) => startProgram('unshare', within(command), { name: command[0]! }),
    run: (command, input = '') =>
      new Promise((resolve, reject) => {
        const child = execFile('unshare', within(command), (error, stdout, stderr) =>
          error === null ? resolve(stdout) : reject(new Error(`${error.message}\n${stdout}${stderr}`)),
        );
        child.stdin?.end(input);
      }),
  };
}
