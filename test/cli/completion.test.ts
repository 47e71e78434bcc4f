/**
 * Completion as it happens: bash and zsh on a terminal, with the keys that a person presses, and fish by the builtin
 * that answers what Tab would offer.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, run } from '../support/process.js';
import { binaryPath, hasTerminals } from '../support/run-binary.js';
import { toolsMissing } from '../system/requirements.js';
import { openTokenDirectory, type TokenDirectory } from './token-directory.js';

let place: TokenDirectory;
let home: string;
/** Whoever may write token files has no say in what a shell runs. */
const malicious = '$(touch hacked)';
beforeAll(async () => {
  place = await openTokenDirectory();
  await place.write('ann@corp.example', {});
  await place.write('bob@corp.example', {});
  await place.write(malicious, {});
  home = join(place.path, '..');
  // Another configuration knows one account of its own.
  const otherTokens = join(home, 'other');
  await mkdir(otherTokens);
  await rename(await place.write('zoe@else.example', {}), join(otherTokens, 'zoe@else.example'));
  await writeFile(join(home, 'other.json'), JSON.stringify({ client_id: 'id', token_dir: otherTokens }));
  // What completion runs is the program; what the test runs in the end only shows what it was given.
  const program = join(home, 'mailbearer');
  await writeFile(
    program,
    `#!/bin/sh
case " $* " in *" status --json "*) exec '${process.execPath}' '${binaryPath}' "$@" ;; esac
printf '<%s>' "$@"
echo .
`,
  );
  await chmod(program, 0o755);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await place.run('completion', shell);
    await writeFile(join(home, `completion.${shell}`), stdout);
  }
  await mkdir(join(home, 'functions'));
  await writeFile(join(home, 'functions', '_mailbearer'), (await place.run('completion', 'zsh')).stdout);
});
afterAll(() => place.close());

function environment(): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  return { HOME: home, MAILBEARER_CONFIG: place.configFile, PATH: `${home}:${PATH}`, TERM: 'dumb' };
}

/** What the terminal shows like this when these keys are pressed in the shell; \t is Tab. */
async function shownAfter(shell: string, keys: string, pattern: RegExp): Promise<string> {
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', shell, '/dev/null'], {
    env: { ...environment(), SHELL: '/bin/sh' },
    cwd: home,
  });
  try {
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
    const until = (pattern: RegExp) =>
      eventually(`the shell to show ${pattern}`, () => pattern.exec(shown) ?? undefined);
    child.stdin.write(`${shell.startsWith('bash') ? 'source completion.bash' : loadForZsh}; echo re''ady\r`);
    await until(/^ready/m);
    child.stdin.write(keys);
    return (await until(pattern))[0];
  } finally {
    child.kill('SIGKILL');
  }
}

/** What the command is given after these keys and Enter. */
async function givenAfter(shell: string, keys: string): Promise<readonly string[]> {
  const line = await shownAfter(shell, `${keys}\r`, /^<.*>\.(?=\r?$)/m);
  return [...line.matchAll(/<([^>]*)>/g)].map(([, word]) => word!);
}

const loadForZsh = 'fpath=(functions $fpath); autoload -Uz compinit; compinit -u -d dump';
const interactive = { bash: 'bash --noprofile --norc -i', zsh: 'zsh -f -i' };

describe.skipIf(!hasTerminals || toolsMissing('zsh')).each(Object.entries(interactive))(
  'Tab in %s completes',
  { concurrent: true },
  (_name, shell) => {
    // Of those that start at once, none shall find half of the dump that zsh makes the first time.
    beforeAll(() => shownAfter(shell, '', /^ready/m));

    test.each<[what: string, keys: string, given: readonly string[]]>([
      ['a command', 'mailbearer refr\t', ['refresh']],
      [
        'an option',
        'mailbearer get-token gmail --overw\t',
        ['get-token', 'gmail', '--overwrite-existing-token'],
      ],
      ['an option of the program', 'mailbearer --conf\t x', ['--config-file', 'x']],
      ['a choice of an option', 'mailbearer get-token --cloud ch\t', ['get-token', '--cloud', 'china']],
      ['a choice of an argument', 'mailbearer completion fi\t', ['completion', 'fish']],
      ['a provider', 'mailbearer get-token fas\t', ['get-token', 'fastmail']],
      [
        'a file after the provider',
        'mailbearer get-token gmail other.j\t',
        ['get-token', 'gmail', 'other.json'],
      ],
      [
        'a file of an option',
        'mailbearer serve --config-file other.j\t',
        ['serve', '--config-file', 'other.json'],
      ],
      ['a name that would be a command, as a name', 'mailbearer token \\$\t', ['token', malicious]],
      ['an account', 'mailbearer token bo\t', ['token', 'bob@corp.example']],
      ['an account after its @', 'mailbearer token bob@c\t', ['token', 'bob@corp.example']],
      [
        'one account after the other',
        'mailbearer refresh ann@corp.example bo\t',
        ['refresh', 'ann@corp.example', 'bob@corp.example'],
      ],
      [
        'a token file in place of an account',
        'mailbearer token tokens/ann\t',
        ['token', 'tokens/ann@corp.example'],
      ],
      [
        'a command after an option with a value',
        'mailbearer --config-file other.json rev\t',
        ['--config-file', 'other.json', 'revoke'],
      ],
      [
        'accounts of the configuration that is named',
        'mailbearer --config-file other.json token z\t',
        ['--config-file', 'other.json', 'token', 'zoe@else.example'],
      ],
      [
        'them after the command, too',
        'mailbearer token --config-file other.json z\t',
        ['token', '--config-file', 'other.json', 'zoe@else.example'],
      ],
      [
        'nothing where only the user knows',
        'mailbearer get-token --client-id oth\t',
        ['get-token', '--client-id', 'oth'],
      ],
    ])('%s', async (_what, keys, given) => {
      expect(await givenAfter(shell, keys)).toEqual(given);
    });
  },
);

describe.skipIf(!hasTerminals || toolsMissing('zsh'))('Tab in zsh explains', () => {
  test.each([
    ['commands', 'mailbearer re\t', /revoke +-- end a sign-in at the provider, and remove its file/],
    ['options', 'mailbearer status --\t', /--watch +-- go on showing it, until interrupted/],
  ])('%s', async (_what, keys, words) => {
    expect(await shownAfter(interactive.zsh, keys, words)).toMatch(words);
  });
});

describe.skipIf(toolsMissing('fish'))('Tab in fish offers', () => {
  async function offered(line: string): Promise<readonly string[]> {
    const program = `source completion.fish; complete -C '${line}'`;
    const shown = await run('fish', ['--no-config', '-c', program], { env: environment(), cwd: home });
    return shown.trimEnd().split('\n');
  }

  test.each([
    ['mailbearer refr', ['refresh\trefresh tokens now, and write them']],
    [
      'mailbearer get-token gmail --overw',
      ['--overwrite-existing-token\treplace the tokens in FILE, keep what else it says'],
    ],
    ['mailbearer get-token --cloud ch', ["china\tMicrosoft's cloud (default: public)"]],
    ['mailbearer completion fi', ['fish']],
    ['mailbearer get-token fas', ['fastmail']],
    ['mailbearer get-token gmail other.j', ['other.json']],
    ['mailbearer serve --config-file other.j', ['other.json']],
    ['mailbearer token bo', ['bob@corp.example']],
    ['mailbearer refresh ann@corp.example bo', ['bob@corp.example']],
    ['mailbearer token tokens/ann', ['tokens/ann@corp.example']],
    [
      'mailbearer --config-file other.json rev',
      ['revoke\tend a sign-in at the provider, and remove its file'],
    ],
    ['mailbearer --config-file other.json token z', ['zoe@else.example']],
    ['mailbearer get-token --client-id oth', ['']],
    ['mailbearer serve oth', ['']],
  ])('after "%s" what fits', async (line, offers) => {
    expect(await offered(line)).toEqual(offers);
  });
});

test.each(['bash', 'zsh', 'fish'])('completion for %s names every command and option', async (shell) => {
  const { stdout } = await place.run('completion', shell);
  const { stdout: help } = await place.run('--help');
  const commands = [...help.matchAll(/^ {2}([a-z][a-z-]*) .*\S/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help');
  expect(commands.length).toBeGreaterThan(8);
  for (const command of commands) {
    const { stdout: text } = await place.run(command, '--help');
    const options = text.match(/(?<=^ {2}.*--)[a-z][a-z-]*/gm) ?? [];
    expect([command, ...options].filter((name) => !stdout.includes(name))).toEqual([]);
  }
});
