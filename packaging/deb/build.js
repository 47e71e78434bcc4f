/**
 * `npm run deb`: a package for Debian 12 and 13, `mailbearer_VERSION_all.deb`, in this directory or in the one that is
 * named. It takes what is built and installed here and asks no registry. Maintainer: DEBFULLNAME and DEBEMAIL.
 */
import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const source = fileURLToPath(new URL('../..', import.meta.url));
const here = join(source, 'packaging/deb');
const program = '/usr/lib/mailbearer';

const output = resolve(process.argv[2] ?? '.');
const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
const stage = await mkdtemp(join(tmpdir(), 'mailbearer-deb-'));
try {
  await stageProgram();
  await stageDocumentation();
  await stageUnits();
  await stageCompletion();
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', stage]);
  await chmod(join(stage, program, 'bin/mailbearer.js'), 0o755);
  await stageControl();
  const file = join(output, `mailbearer_${version}_all.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', stage, file], { stdio: 'pipe' });
  process.stdout.write(`${file}\n`);
} finally {
  await rm(stage, { recursive: true, force: true });
}

async function stageProgram() {
  for (const name of ['dist', 'package.json', 'LICENSE']) await copy(name, join(program, name));
  // Debian's own Node.js, not one that a user has in the PATH.
  const start = await readFile(join(source, 'bin/mailbearer.js'), 'utf8');
  await write(join(program, 'bin/mailbearer.js'), start.replace('#!/usr/bin/env node', '#!/usr/bin/node'));
  for (const path of await runtimePackages()) await copy(path, join(program, path));
  await mkdir(join(stage, 'usr/bin'), { recursive: true });
  await symlink('../lib/mailbearer/bin/mailbearer.js', join(stage, 'usr/bin/mailbearer'));
}

/** All that the program may load, but what is made for one kind of machine, and what is no use without that. */
async function runtimePackages() {
  const { packages } = JSON.parse(await readFile(join(source, 'package-lock.json'), 'utf8'));
  const found = new Set();
  const visit = (from) => {
    const { dependencies, optionalDependencies } = packages[from];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const path = placeOf(name, from, packages);
      if (name === '@napi-rs/keyring' || path === undefined || packages[path].cpu || found.has(path))
        continue;
      found.add(path);
      visit(path);
    }
  };
  visit('');
  return [...found];
}

/** As Node.js looks for it: beside its user first, and then further and further out. */
function placeOf(name, from, packages) {
  const path = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (path in packages) return path;
  return from === ''
    ? undefined
    : placeOf(name, from.replace(/\/?node_modules\/(?:@[^/]+\/)?[^/]+$/, ''), packages);
}

async function stageDocumentation() {
  for (const page of ['mailbearer.1', 'mailbearer.conf.5']) {
    const text = await readFile(join(source, 'man', page));
    await write(`/usr/share/man/man${page.at(-1)}/${page}.gz`, gzipSync(text, { level: 9 }));
  }
  const place = '/usr/share/doc/mailbearer';
  const examples = ['systemd', 'prometheus', 'grafana'].map((name) => `examples/${name}`);
  for (const name of ['README.md', 'docs', ...examples]) await copy(name, join(place, name));
  await write(`${place}/changelog.gz`, gzipSync(await readFile(join(source, 'CHANGELOG.md')), { level: 9 }));
  await copy('packaging/deb/copyright', join(place, 'copyright'));
}

async function stageUnits() {
  const places = {
    'mailbearer.service': 'system/mailbearer.service',
    'mailbearer.socket': 'system/mailbearer.socket',
    'user/mailbearer.service': 'user/mailbearer.service',
  };
  for (const [unit, place] of Object.entries(places)) {
    const text = await readFile(join(source, 'examples/systemd', unit), 'utf8');
    const own = text.replace('ExecStart=mailbearer', 'ExecStart=/usr/bin/mailbearer');
    await write(`/usr/lib/systemd/${place}`, own);
  }
}

async function stageCompletion() {
  const places = {
    bash: '/usr/share/bash-completion/completions/mailbearer',
    zsh: '/usr/share/zsh/vendor-completions/_mailbearer',
    fish: '/usr/share/fish/vendor_completions.d/mailbearer.fish',
  };
  const print = (shell) =>
    execFileSync(process.execPath, [join(source, 'bin/mailbearer.js'), 'completion', shell]);
  await Promise.all(Object.entries(places).map(([shell, place]) => write(place, print(shell))));
}

async function stageControl() {
  const { DEBEMAIL = 'root@localhost', DEBFULLNAME = 'mailbearer' } = process.env;
  const [kibibytes = ''] = execFileSync('du', ['-sk', stage], { encoding: 'utf8' }).split('\t');
  const control = (await readFile(join(here, 'control'), 'utf8'))
    .replace('@VERSION@', version)
    .replace('@SIZE@', kibibytes)
    .replace('@MAINTAINER@', `${DEBFULLNAME} <${DEBEMAIL}>`);
  await write('/DEBIAN/control', control);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    await copy(`packaging/deb/${script}`, `/DEBIAN/${script}`);
    await chmod(join(stage, 'DEBIAN', script), 0o755);
  }
  await chmod(join(stage, 'DEBIAN'), 0o755);
}

async function copy(from, to) {
  await cp(join(source, from), join(stage, to), { recursive: true, dereference: false });
}

async function write(path, content) {
  await mkdir(dirname(join(stage, path)), { recursive: true });
  await writeFile(join(stage, path), content);
}
