/**
 * The documentation held against the program: links lead somewhere, commands and options exist, examples are
 * understood, and tables say what the code says. `npm run docs` writes the tables of docs/config.md,
 * docs/errors.md, docs/metrics.md, docs/providers.md and docs/reliability.md, docs/config.schema.json, and man/.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { format, resolveConfig } from 'prettier';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseLenientJson } from '../src/config/lenient-json.js';
import { parseConfig } from '../src/config/parse.js';
import { documentationOf, type FailureCode, failures } from '../src/core/failures.js';
import { parseToken } from '../src/tokens/format.js';
import { faultTables } from './faults/tables.js';
import { configurationTables } from './support/config-manual.js';
import { configJsonSchema } from './support/config-schema.js';
import { doctorTables } from './support/doctor-manual.js';
import { errorTables } from './support/errors-manual.js';
import { commandPage, configurationPage } from './support/man-pages.js';
import { withTables } from './support/manual-tables.js';
import { anchorsOf, codeOf, fencesOf, linksOf, markedBlock, tableRows } from './support/markdown.js';
import { metricsTables } from './support/metrics-manual.js';
import { providerTables } from './support/providers-manual.js';
import { runBinary } from './support/run-binary.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const listed = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
const names = ['README.md', 'CHANGELOG.md', ...listed.filter((name) => name.endsWith('.md')).map(inDocs)];
const documents = names.map((name) => ({ name, text: read(name) }));

const sourceFiles = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(join('src', name)));

function inDocs(name: string): string {
  return join('docs', name);
}

/** What `judge` finds wrong in each document, with its name. */
function faults(judge: (text: string, name: string) => readonly string[]): string[] {
  return documents.flatMap(({ name, text }) => judge(text, name).map((fault) => `${name}: ${fault}`));
}

/** That a file is what `npm run docs` writes, or it is written now. */
async function expectPrinted(text: string, path: string): Promise<void> {
  await expect(text, `${relative(root, path)} is stale: run npm run docs`).toMatchFileSnapshot(path);
}

describe('the documentation', () => {
  it('has links that lead somewhere', () => {
    const leadsNowhere = (link: string, from: string): boolean => {
      if (/^https:\/\//.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(root, from) : join(root, dirname(from), path);
      const stats = statSync(target, { throwIfNoEntry: false });
      if (stats === undefined || relative(root, target).startsWith('..')) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor);
    };
    expect(linksOf(read('README.md')).length).toBeGreaterThan(10);
    expect(faults((text, name) => linksOf(text).filter((link) => leadsNowhere(link, name)))).toEqual([]);
  });

  it('has examples of the configuration and of token files that are understood without a warning', () => {
    const understand = (example: string, name: string): readonly string[] => {
      const json = parseLenientJson(example);
      if (json.kind === 'problem') return [json.problem];
      if (!name.endsWith('token-files.md')) return parseConfig(json.value, undefined).warnings;
      const { accessToken, expiresAt, overrides, refreshToken } = parseToken(example, name);
      const { clientId, clientSecret, tokenEndpoint } = overrides;
      const said = [accessToken, expiresAt, refreshToken, clientId, clientSecret, tokenEndpoint];
      return said.every(Boolean) ? [] : ['a field of the token file is not understood'];
    };
    expect(documents.flatMap(({ text }) => fencesOf(text, 'json')).length).toBeGreaterThan(1);
    expect(
      faults((text, name) => fencesOf(text, 'json').flatMap((example) => understand(example, name))),
    ).toEqual([]);
  });

  it('has examples of the configuration that its schema for editors allows', () => {
    const schema = JSON.parse(read('docs/config.schema.json')) as object;
    const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);
    const complaints = (example: string): readonly string[] => {
      const json = parseLenientJson(example);
      if (json.kind === 'problem') return [json.problem];
      if (validate(json.value)) return [];
      return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    };
    expect(
      faults((text, name) =>
        name.endsWith('token-files.md') ? [] : fencesOf(text, 'json').flatMap(complaints),
      ),
    ).toEqual([]);
  });

  it('names the three lines of main.cf between its marks', () => {
    expect(markedBlock(read('README.md'), 'main.cf').trim().split('\n')).toEqual([
      'relayhost = [127.0.0.1]:2525',
      'smtp_sasl_auth_enable = no',
      'smtp_tls_policy_maps = inline:{ [127.0.0.1]:2525=none }',
    ]);
  });

  it('has a manual of errors that says what the program does', async () => {
    const path = join(root, 'docs/errors.md');
    const page = await withTables(read('docs/errors.md'), path, errorTables());
    await expectPrinted(page, path);
  });

  it('has a heading for each failure where the program says that it is', () => {
    const missing = (code: string) => {
      const [path = '', anchor = ''] = documentationOf(code as FailureCode).split('#');
      return !anchorsOf(read(path)).has(anchor);
    };
    expect(Object.keys(failures).filter(missing)).toEqual([]);
  });

  it('quotes lines of the log and replies that the program can write', () => {
    const sources = sourceFiles.join('\n');
    const page = read('docs/troubleshooting.md');
    const quoted = (head: string) => tableRows(page, head).flatMap(([cell = '']) => codeOf(cell));
    const lines = quoted('line');
    const replies = quoted('symptom').filter((code) => /^\d{3} /.test(code));
    expect(lines.length).toBeGreaterThan(10);
    expect(replies.length).toBeGreaterThan(5);
    // What stands for something else is left out: `account NAME cannot be used: …`, `454 4.7.0 you@gmail.com: …`.
    const parts = [...lines, ...replies.map((reply) => reply.replace(/^[\d. ]+(?:\S+: )?|<.*/g, ''))]
      .flatMap((line) => line.split(/[A-Z]{4,}|…/))
      .map((part) => part.replace(/[:\s]+$/, '').trim());
    expect(parts.filter((part) => !sources.includes(part))).toEqual([]);
  });

  it('explains each warning and error that the log can have', () => {
    const page = read('docs/troubleshooting.md');
    const calls = /\b(?:logger|floodLog)\.(?:warn\(|error\(|log\(\s*'(?:warn|error)',)[^;]*;/g;
    const words = sourceFiles.flatMap((text) =>
      [...text.matchAll(calls)].flatMap(([call]) => {
        const [, text = ''] =
          [...call.matchAll(/['`]((?<=')[^'\n]*(?=')|(?<=`)[^`]*(?=`))['`]/g)].at(-1) ?? [];
        // The longest part that is always the same; what has none is the message of an error, which errors.md has.
        const parts = text.split(/\$\{[^}]*\}|\(/).map((part) => part.replace(/^[:,\s]+|[:,\s]+$/g, ''));
        return parts.toSorted((one, other) => other.length - one.length).slice(0, 1);
      }),
    );
    const said = words.filter((part) => part.includes(' '));
    expect(said.length).toBeGreaterThan(20);
    expect(said.filter((part) => !page.includes(part))).toEqual([]);
  });

  it('knows each reply of the relay that it explains', () => {
    const codes = tableRows(read('docs/troubleshooting.md'), 'reply').flatMap(([cell = '']) => codeOf(cell));
    const enhanced = codes.flatMap((code) => /^(\d)\d\d \d\.(\d+\.\d+)$/.exec(code)?.slice(2) ?? []);
    expect(enhanced.length).toBeGreaterThan(10);
    expect(enhanced.filter((detail) => !sourceFiles.some((text) => text.includes(`${detail}'`)))).toEqual([]);
  });

  it('says of the folders what the test of the architecture says', () => {
    const rules = /mayImport[^=]*= \{\n(.*?)\n\};/s.exec(read('test/architecture.test.ts'))?.[1] ?? '';
    const known = [...rules.matchAll(/^ {2}(\w+): \[([^\]]*)\]/gm)].map(([, folder, list = '']) => [
      folder,
      [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name).join(', ') || 'nothing',
    ]);
    const rows = tableRows(read('docs/architecture.md'), 'folder').map(([folder, , imports]) => [
      folder?.replaceAll('`', ''),
      imports,
    ]);
    expect(known.length).toBeGreaterThan(5);
    expect(rows).toEqual(known);
  });

  it('names source files that exist', () => {
    const missing = (path: string) => statSync(join(root, path), { throwIfNoEntry: false }) === undefined;
    const paths = (text: string) =>
      codeOf(text).filter((code) => /^(src|test|examples)\/[\w./-]+$/.test(code));
    expect(faults((text) => paths(text).filter(missing))).toEqual([]);
    // The architecture leaves `src/` out where it follows a message or a refresh.
    const short = codeOf(read('docs/architecture.md')).filter((code) => /^[a-z]+\/[\w/-]+\.ts$/.test(code));
    const inSource = short.filter((path) => !/^(src|test)\//.test(path)).map((path) => join('src', path));
    expect(inSource.length).toBeGreaterThan(10);
    expect(inSource.filter(missing)).toEqual([]);
  });

  it('has a manual of the configuration that says what its schema says', async () => {
    const path = join(root, 'docs/config.md');
    const page = await withTables(read('docs/config.md'), path, configurationTables());
    await expectPrinted(page, path);
  });

  it('has a schema for editors in its manual that says what the program goes by', async () => {
    const path = join(root, 'docs/config.schema.json');
    const text = JSON.stringify(configJsonSchema());
    await expectPrinted(await format(text, { ...(await resolveConfig(path)), parser: 'json' }), path);
  });

  it('has manual pages that say what the program and its schema say', async () => {
    await expectPrinted(commandPage(), join(root, 'man/mailbearer.1'));
    await expectPrinted(configurationPage(read('docs/config.md')), join(root, 'man/mailbearer.conf.5'));
  });

  it('has manual pages that are installed', () => {
    const { files, man } = JSON.parse(read('package.json')) as Record<'files' | 'man', string[]>;
    expect(man).toEqual(readdirSync(join(root, 'man')).map((name) => `./man/${name}`));
    expect(files).toContain('man');
  });

  it('has a manual of doctor that says what its checks say', async () => {
    const path = join(root, 'docs/doctor.md');
    await expect(await withTables(read('docs/doctor.md'), path, doctorTables())).toMatchFileSnapshot(path);
  });

  it('has a manual of the providers that says what is known of them', async () => {
    const path = join(root, 'docs/providers.md');
    await expectPrinted(await withTables(read('docs/providers.md'), path, providerTables()), path);
  });

  it('has a manual of the metrics that says what the program counts', async () => {
    const path = join(root, 'docs/metrics.md');
    await expectPrinted(await withTables(read('docs/metrics.md'), path, metricsTables()), path);
  });

  it('has a manual of faults that says what their tests play', async () => {
    const path = join(root, 'docs/reliability.md');
    await expectPrinted(await withTables(read('docs/reliability.md'), path, faultTables()), path);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = (text: string) => [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name!);
    expect(faults((text) => named(text).filter((name) => !(name in scripts)))).toEqual([]);
  });
});

describe('the commands in the documentation', () => {
  /** Name of a command, "" for the program itself, to its long options. */
  const options = new Map<string, ReadonlySet<string>>();
  let mainHelp = '';

  beforeAll(async () => {
    const help = async (...command: string[]) => {
      const { stdout } = await runBinary([...command, '--help']);
      options.set(command.join(' '), new Set(stdout.match(/(?<=^ {2}.*)--[a-z][a-z-]*/gm)));
      return stdout;
    };
    mainHelp = await help();
    const commands = /\nCommands:\n(.*?)\n\n/s.exec(mainHelp)?.[1] ?? '';
    for (const [, name = ''] of commands.matchAll(/^ {2}([a-z-]+)/gm)) if (name !== 'help') await help(name);
  });

  it('exist, with their options', () => {
    const wrong = (text: string): string[] =>
      [...codeOf(text), ...fencesOf(text, 'sh')].flatMap((code) =>
        [...code.replaceAll('\\\n', ' ').matchAll(/\bmailbearer(?: ([a-z][a-z-]*))?([^\n|;&)]*)/g)].flatMap(
          ([whole, command = '', rest = '']) => {
            const known = options.get(command);
            if (known === undefined) return [whole];
            return (rest.match(/(?<=\s)--[a-z][a-z-]*/g) ?? []).filter((option) => !known.has(option));
          },
        ),
      );
    expect(options.size).toBeGreaterThan(4);
    expect(faults(wrong)).toEqual([]);
  });

  it('have options that are not named without being there', () => {
    const all = new Set([...options.values()].flatMap((of) => [...of]));
    const named = (text: string) =>
      codeOf(text).flatMap((code) => code.match(/^--[a-z][a-z-]*/)?.slice(0, 1) ?? []);
    expect(faults((text) => named(text).filter((option) => !all.has(option)))).toEqual([]);
  });

  it('end with the exit statuses that the README lists', () => {
    const rows = tableRows(read('README.md'), 'exit status');
    const listed = /Exit status:\n(.*?)\n\n/s.exec(`${mainHelp}\n\n`)?.[1]?.split('\n') ?? [];
    expect(rows.map((cells) => cells.map((cell) => cell.replaceAll('`', '')))).toEqual(
      listed.map((line) => /^ {2}(\d+) +(.*)$/.exec(line)?.slice(1)),
    );
  });

  it('are all in the README', () => {
    const rows = tableRows(read('README.md'), 'command').map(
      ([cell = '']) => /mailbearer ([a-z-]+)/.exec(cell)?.[1],
    );
    expect(rows).toEqual([...options.keys()].filter((name) => name !== ''));
  });
});
