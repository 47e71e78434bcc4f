/**
 * Postfix's settings as Postfix itself understands them (postconf, postmap), and where those cannot be run, as they
 * stand in main.cf, master.cf and the sources of tables. The directory is MAIL_CONFIG's, as for Postfix's commands.
 * Values can hold passwords (`static:user:password`): what is shown of them is the caller's to choose.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { logicalLines } from '../../accounts/postfix-lines.js';
import { systemErrorCode } from '../../core/errors.js';

export type Settings = ReadonlyMap<string, string>;

export interface Postfix {
  /** What is set; what is not has Postfix's default. */
  readonly settings: Settings;
  readonly directory: string;
  /** Whether the SMTP client runs in the queue directory as its root. */
  readonly chrooted: boolean;
}

const timeoutMs = 10_000;
/** Not in the PATH of everybody. */
const systemPaths = ['/usr/sbin', '/usr/local/sbin'];

/** Undefined where there is none. Throws when main.cf is there and cannot be read. */
export async function findPostfix(): Promise<Postfix | undefined> {
  const directory = process.env['MAIL_CONFIG'] ?? '/etc/postfix';
  const mainCf = await readMainCf(join(directory, 'main.cf'));
  // Without one, postconf would think for a second before it failed.
  if (mainCf === undefined) return undefined;
  const printed = await runTool('postconf', ['-n', '-x']);
  const settings = printed.kind === 'done' ? parsePostconf(printed.output) : mainCf;
  return { settings, directory, chrooted: await isChrooted(directory) };
}

function parsePostconf(text: string): Settings {
  return new Map([...text.matchAll(/^(\S+) = ?(.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

async function readMainCf(path: string): Promise<Settings | undefined> {
  try {
    return parseMainCf(await readFile(path, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** postconf(5), FILE FORMAT; `$name` and `${name}` of what the file itself sets. */
export function parseMainCf(text: string): Settings {
  const raw = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const [, name, value] = /^([\w-]+)\s*=\s*(.*)$/s.exec(line) ?? [];
    if (name !== undefined && value !== undefined) raw.set(name, value.trim());
  }
  const expand = (value: string, depth: number): string =>
    depth === 0
      ? value
      : value.replaceAll(/\$(?:\{(\w+)\}|\((\w+)\)|(\w+))/g, (whole, a?: string, b?: string, c?: string) => {
          const found = raw.get(a ?? b ?? c ?? '');
          return found === undefined ? whole : expand(found, depth - 1);
        });
  return new Map([...raw].map(([name, value]) => [name, expand(value, 8)]));
}

/** By master.cf: `smtp unix private unpriv chroot …`; since Postfix 3.0 the default is no. */
async function isChrooted(directory: string): Promise<boolean> {
  const text = await readFile(join(directory, 'master.cf'), 'utf8').catch(() => '');
  const service = logicalLines(text).find((line) => /^smtp\s+unix\s/.test(line));
  return service?.split(/\s+/)[4] === 'y';
}

interface Answer {
  readonly value: string | undefined;
  /** Why Postfix itself cannot read the table, in postmap's words. */
  readonly problem: string | undefined;
}

/** What one table says of `key`: by postmap, else by its source. */
export async function lookUp(table: string, key: string): Promise<Answer> {
  const direct = table.replace(/^proxy:/, '');
  const asked = await runTool('postmap', ['-q', key, direct]);
  if (asked.kind === 'done') return { value: asked.output.trim() || undefined, problem: undefined };
  // Not found is exit status 1 without a word.
  if (asked.kind === 'failed' && asked.complaint === '') return { value: undefined, problem: undefined };
  const value = entriesOf(await sourceOf(direct)).get(key);
  return { value, problem: asked.kind === 'failed' ? asked.complaint : undefined };
}

/** Tables are separated by commas and white space, which braces protect. */
export function tablesOf(setting: string | undefined): string[] {
  return [...(setting ?? '').matchAll(/(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|[^\s,{}])+/g)].map(
    ([table]) => table,
  );
}

/** As text, a line for each entry; empty where there is none, as for a database. */
export async function sourceOf(table: string): Promise<string> {
  const [, type = '', name = ''] = /^(?:proxy:)?(\w+):\s*(.*)$/s.exec(table) ?? [];
  if (type === 'inline') {
    const inner = name.replace(/^\{\s*|\s*\}$/g, '');
    const entries = inner.match(/\{[^{}]*\}|[^\s,{}]+/g) ?? [];
    return entries.map((entry) => entry.replace(/^\{\s*|\s*\}$/g, '').replace(/\s*=\s*/, ' ')).join('\n');
  }
  if (!name.startsWith('/')) return '';
  return readFile(name, 'utf8').catch(() => '');
}

function entriesOf(source: string): ReadonlyMap<string, string> {
  return new Map(
    logicalLines(source).map((line) => {
      const [key = '', ...value] = line.split(/\s+/);
      return [key, value.join(' ')];
    }),
  );
}

type Ran =
  | { readonly kind: 'done'; readonly output: string }
  | { readonly kind: 'failed'; readonly complaint: string }
  | { readonly kind: 'missing' };

async function runTool(name: string, args: readonly string[]): Promise<Ran> {
  const path = [process.env['PATH'] ?? '', ...systemPaths].join(delimiter);
  const env = { ...process.env, PATH: path };
  try {
    const { stdout } = await promisify(execFile)(name, [...args], { timeout: timeoutMs, env });
    return { kind: 'done', output: stdout };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return { kind: 'missing' };
    const { stderr = '' } = error as { stderr?: string };
    return { kind: 'failed', complaint: stderr.trim().split('\n').at(-1) ?? '' };
  }
}
