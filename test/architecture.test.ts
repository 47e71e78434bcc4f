/**
 * The structure that docs/architecture.md describes, held against the imports of the code: data flows one way,
 * each third-party package has one door, and time, randomness and the terminal have one too.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');

/** A folder may import those named here, and itself. `index.ts`, the library surface, may re-export anything. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  providers: ['core'],
  protocol: ['core'],
  config: ['core', 'providers'],
  accounts: ['core', 'providers', 'config'],
  tokens: ['core', 'providers', 'config', 'accounts'],
  oauth: ['core', 'providers', 'config', 'accounts'],
  refresh: ['core', 'providers', 'config', 'accounts', 'tokens', 'oauth'],
  submission: ['core', 'providers', 'config', 'accounts', 'protocol', 'oauth'],
  relay: ['core', 'providers', 'config', 'accounts', 'protocol', 'refresh', 'submission'],
  socketmap: ['core', 'providers', 'config', 'accounts', 'protocol', 'refresh'],
  status: ['core', 'providers', 'config', 'accounts', 'protocol', 'refresh', 'relay', 'socketmap'],
  library: ['core', 'providers', 'config', 'accounts', 'tokens', 'oauth', 'refresh'],
  daemon: [
    'core',
    'providers',
    'config',
    'accounts',
    'protocol',
    'tokens',
    'oauth',
    'refresh',
    'submission',
    'relay',
    'socketmap',
    'status',
  ],
  cli: [
    'core',
    'providers',
    'config',
    'accounts',
    'protocol',
    'tokens',
    'oauth',
    'refresh',
    'submission',
    'relay',
    'socketmap',
    'status',
    'daemon',
  ],
};

/** Who imports each runtime dependency: one file, so that a swap is one file. */
const doors: Readonly<Record<string, readonly string[]>> = {
  '@napi-rs/keyring': ['tokens/keyring.ts'],
  commander: ['cli/program.ts'],
  jose: ['oauth/service-account.ts', 'submission/jwt.ts'],
  'jsonc-parser': ['config/lenient-json.ts'],
  nodemailer: ['cli/submit-message.ts'],
  'openid-client': ['oauth/client.ts', 'oauth/discovery.ts'],
  pg: ['tokens/postgres/database.ts'],
  'pino-pretty': ['daemon/log.ts'],
  'prom-client': ['status/collected-histogram.ts', 'status/metrics.ts'],
  zod: [
    'config/account-schema.ts',
    'config/listener-auth-schema.ts',
    'config/listener-schema.ts',
    'config/oauth2-schema.ts',
    'config/schema-values.ts',
    'config/schema.ts',
  ],
};

/** Folders that are pure: bytes, data and decisions. */
const pureFolders = ['providers', 'protocol'];
const impureModules = /^node:(net|tls|fs|http|https|child_process|dgram|dns)/;

interface SourceFile {
  readonly name: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(join(source, name), 'utf8');
    const imports = [...text.matchAll(/(?<!')\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
      (match) => match[1]!,
    );
    return { name, folder: name.includes('/') ? name.split('/')[0]! : '', text, imports };
  });

function offenders(judge: (file: SourceFile) => readonly string[]): string[] {
  return files.flatMap((file) => judge(file).map((what) => `${file.name}: ${what}`));
}

describe('the architecture', () => {
  it('has no folder that this test does not know', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(
      [...new Set(files.map(({ folder }) => folder))].filter((folder) => folder !== '').toSorted(),
    ).toEqual(Object.keys(mayImport).toSorted());
  });

  it('lets imports point down the flow only', () => {
    expect(
      offenders(({ name, folder, imports }) =>
        folder === ''
          ? []
          : imports
              .filter((path) => path.startsWith('.'))
              .map((path) => relative(source, join(source, dirname(name), path)).split('/')[0]!)
              .filter((target) => target !== folder && !mayImport[folder]!.includes(target))
              .map((target) => `imports ${target}`),
      ),
    ).toEqual([]);
  });

  it('gives each third-party package one door', () => {
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    ) as Record<'dependencies' | 'optionalDependencies', Record<string, string>>;
    const packages = { ...dependencies, ...optionalDependencies };
    expect(Object.keys(packages).toSorted()).toEqual(Object.keys(doors).toSorted());
    const imported = new Map<string, string[]>();
    for (const { name, imports } of files) {
      for (const path of new Set(imports)) {
        if (path.startsWith('.') || path.startsWith('node:')) continue;
        imported.set(path, [...(imported.get(path) ?? []), name]);
      }
    }
    expect(Object.fromEntries(imported)).toEqual(doors);
  });

  it('keeps sockets, files and processes out of the pure folders', () => {
    expect(
      offenders(({ folder, imports }) =>
        pureFolders.includes(folder) ? imports.filter((path) => impureModules.test(path)) : [],
      ),
    ).toEqual([]);
  });

  it('takes time from the clock and nowhere else', () => {
    expect(
      offenders(({ name, text }) =>
        name === 'core/clock.ts'
          ? []
          : [...(text.match(/\bDate\.now|\bsetTimeout|\bsetInterval|performance\.now/g) ?? [])],
      ),
    ).toEqual([]);
  });

  it('lets the composition roots alone choose the source of randomness', () => {
    const roots = ['daemon/serve.ts', 'cli/', 'library/'];
    expect(
      offenders(({ name, text }) =>
        roots.some((place) => name.startsWith(place)) ? [] : [...(text.match(/Math\.random/g) ?? [])],
      ),
    ).toEqual([]);
  });

  it('lets one file of the command line write to the terminal', () => {
    expect(
      offenders(({ name, text }) =>
        name === 'cli/ui.ts' || name === 'daemon/log.ts'
          ? []
          : [...(text.match(/console\.\w+|process\.std(?:out|err)/g) ?? [])],
      ),
    ).toEqual([]);
  });

  it('opens each file with what it is', () => {
    expect(offenders(({ text }) => (text.startsWith('/**') ? [] : ['no comment at its head']))).toEqual([]);
  });

  it('keeps files short and named after what they are', () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc|manager)\b/;
    expect(
      offenders(({ name, text }) => {
        const lines = text.split('\n').length;
        return [
          ...(lines > 340 ? [`${lines} lines`] : []),
          ...(vague.test(name) ? ['a name that says nothing'] : []),
        ];
      }),
    ).toEqual([]);
  });
});
