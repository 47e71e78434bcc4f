/**
 * man/mailbearer.1, made of the program's commands and the prose of `--help`, and man/mailbearer.conf.5, made of the
 * configuration's schema and of docs/config.md's words and example.
 */
import { commandHelp, mainHelp } from '../../src/cli/help.js';
import { createProgram } from '../../src/cli/program.js';
import { createUi } from '../../src/cli/ui.js';
import { presets } from '../../src/providers/index.js';
import { configurationKeys } from './config-manual.js';
import { fencesOf } from './markdown.js';
import {
  bold,
  escaped,
  example,
  italic,
  item,
  literal,
  paragraph,
  prose,
  section,
  subsection,
  title,
} from './roff.js';

const program = createProgram(
  createUi(process, {}),
  () => undefined,
  () => undefined,
);
const help = program.createHelp();
/** Not the day of printing: what is printed anew must be the same as long as nothing changes. Goes with the version. */
const edition = '2026-11-26';
const source = `mailbearer ${program.version()}`;

type Command = (typeof program.commands)[number];

export function commandPage(): string {
  const main = blocksOf(mainHelp);
  return page([
    title('MAILBEARER', 1, edition, source, 'User Commands'),
    section('Name', 'mailbearer \\- keeps OAuth 2.0 tokens fresh, and submits mail with them'),
    section(
      'Synopsis',
      `.B mailbearer\n[${bold('--config-file')} ${italic('FILE')}]\n${italic('COMMAND')}\n[${italic('ARGUMENT')}...]`,
    ),
    section(
      'Description',
      escaped(program.description()),
      paragraph('Standard output holds results, standard error everything else.'),
    ),
    section('Options', ...optionsOf(program)),
    section('Commands', ...program.commands.map(commandSection)),
    ...main.map((block) => section(block.title ?? 'Notes', ...contentOf(block))),
    section('Files', ...files, paths.tokens),
    section(
      'See also',
      `.BR mailbearer.conf (5),\n.BR postconf (5)`,
      paragraph('The documentation that comes with the package, in its directory docs.'),
    ),
  ]);
}

function commandSection(command: Command): string {
  const args = command.registeredArguments.map((argument) => {
    const { description, required } = argument;
    const name = italic(argument.name());
    return item(required ? name : `[${name}]`, escaped(sentence(description + choicesOf(argument))));
  });
  const help = commandHelp[command.name()];
  if (help === undefined) throw new Error(`${command.name()} has no words in src/cli/help.ts`);
  const blocks = blocksOf(help).flatMap((block) => [
    ...(block.title === undefined ? [] : [paragraph(`${block.title}:`)]),
    ...contentOf(block),
  ]);
  return subsection(
    literal(`mailbearer ${command.name()} ${command.usage()}`),
    escaped(sentence(command.description())),
    ...args,
    ...optionsOf(command),
    ...blocks,
  );
}

function choicesOf({ argChoices }: { readonly argChoices?: readonly string[] }): string {
  return argChoices === undefined ? '' : `: ${argChoices.join(', ')}`;
}

function optionsOf(command: Command): string[] {
  return help
    .visibleOptions(command)
    .filter((option) => command === program || option.long !== '--help')
    .map((option) => item(bold(help.optionTerm(option)), escaped(sentence(help.optionDescription(option)))));
}

interface Block {
  readonly title: string | undefined;
  readonly lines: readonly string[];
}

/** `Title:` over a list, `Title: words`, or words. */
function blocksOf(text: string): Block[] {
  return text
    .trim()
    .split(/\n\n+/)
    .map((block): Block => {
      const [first = '', ...rest] = block.split('\n');
      const titled = /^([A-Z][a-z ]+):(?: (.+))?$/.exec(first);
      if (titled === null) return { title: undefined, lines: [first, ...rest] };
      const [, title, words] = titled;
      return { title, lines: words === undefined ? rest : [words, ...rest] };
    });
}

function contentOf({ lines }: Block): string[] {
  if (lines.every((line) => line.startsWith('  $ '))) return [example(lines.map((line) => line.slice(2)))];
  const terms = lines.map((line) => /^ {2}(\S+) +(.*)$/.exec(line));
  if (terms.every((term) => term !== null))
    return terms.map(([, term = '', meaning = '']) => item(bold(term), escaped(sentence(meaning))));
  return [paragraph(lines.map(escaped).join(' '))];
}

const paths = {
  own: item(bold('/etc/mailbearer/config.json'), 'The configuration of the system.'),
  home: item(bold('~/.config/mailbearer/config.json'), 'The configuration of a user who is not root.'),
  plugin: item(bold('/etc/sasl-xoauth2.conf'), 'The configuration of sasl-xoauth2, when there is no other.'),
  tokens: item(
    `${bold('/etc/tokens')}, ${bold('/var/spool/postfix/etc/tokens')}`,
    'Token files, unless token_dir names other directories.',
  ),
};
const files = [paths.own, paths.home, paths.plugin];

const groups = {
  top: 'At the top level',
  client: 'At the top level, in providers and in accounts',
  provider: 'In providers and in accounts',
  account: 'In accounts',
  smtp: 'In smtp, of providers and accounts',
  relay: 'In relay',
  listener: 'In an entry of listen, of relay',
  auth: 'In auth, of an entry of listen',
  oauth2: 'In oauth2, of auth',
  limits: 'In limits, of relay',
  postgres: 'In postgres',
  status: 'In status',
  socketmap: 'In socketmap',
} as const;

/** `manual` is docs/config.md. */
export function configurationPage(manual: string): string {
  const keys = configurationKeys();
  if (keys.size !== Object.keys(groups).length) throw new Error('a group of keys has no heading');
  const [, shown = ''] = fencesOf(manual, 'json');
  return page([
    title('MAILBEARER.CONF', 5, edition, source, 'File Formats'),
    section('Name', 'mailbearer.conf \\- the configuration of mailbearer, config.json'),
    section(
      'Description',
      paragraph(
        prose(
          'One JSON file, in which comments and trailing commas are allowed. With token files that `mailbearer get-token` wrote, none is needed.',
        ),
      ),
      paragraph(
        prose(
          '`mailbearer test-config` checks it. A wrong value is an error that names the path of the key; an unknown key is a warning, with the key that was probably meant. A command reads the file once, when it starts; `serve` again whenever it changes.',
        ),
      ),
      paragraph(
        prose(
          "A setting can stand in several places. The first that has it wins, for each key by itself: the token file, the account's entry in `accounts`, its provider's entry in `providers`, the top level, and what is built in for the provider.",
        ),
      ),
    ),
    section(
      'Files',
      'The first of these that exists is read, and no other:',
      item(`${bold('--config-file')} ${italic('FILE')}`, 'The one that the option names; it must exist.'),
      item(bold('$MAILBEARER_CONFIG'), 'The one that the environment names; it must exist.'),
      ...files,
    ),
    section(
      'Keys',
      ...Object.entries(groups).map(([name, heading]) =>
        subsection(heading, ...keys.get(name)!.map(([key, meaning]) => item(bold(key), prose(meaning)))),
      ),
    ),
    section('Example', example(shown.trimEnd().split('\n'))),
    section('See also', '.BR mailbearer (1)'),
  ]);
}

function page(parts: readonly string[]): string {
  const head = '.\\" Written by "npm run docs" from the program; changes here are lost.';
  return `${[head, ...parts].join('\n')}\n`;
}

/** As `--help` has clauses, and a manual page sentences. A name that comes first stays as it is. */
function sentence(clause: string): string {
  const [word = ''] = /^[a-z]+(?=[ ,;:.]|$)/.exec(clause) ?? [];
  const first = word === '' || presets.has(word) ? clause : clause.charAt(0).toUpperCase() + clause.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
