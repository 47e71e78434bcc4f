/** Completion for fish 3 and later, with descriptions. */
import {
  accountNames,
  type Candidates,
  candidatesOfArgument,
  candidatesOfOption,
  type DescribedCommand,
  type DescribedOption,
  optionsOf,
  optionsWithValue,
} from './described.js';

export function fish(program: DescribedCommand): string {
  const lines = program.commands.flatMap((command) => {
    const name = command.name();
    const args = command.registeredArguments.flatMap((argument, at) => {
      const place = argument.variadic ? '' : ` ${at + 1}`;
      return argumentLines(candidatesOfArgument(argument), `__mailbearer_is ${name}${place}`);
    });
    return [
      `complete -c mailbearer -n __mailbearer_is -a ${name} -d ${quoted(command.description())}`,
      ...optionsOf(command, program).map((option) => optionLine(option, `__mailbearer_is ${name}`)),
      ...args,
    ];
  });
  const general = optionsOf(program, program).map((option) => optionLine(option, '__mailbearer_is'));
  return `# fish completion for mailbearer: put it into ~/.config/fish/completions/mailbearer.fish

# The command and its arguments so far, without options and their values.
function __mailbearer_words
    set -l value no
    for word in (commandline -opc)[2..]
        if test $value = yes
            set value no
            continue
        end
        switch $word
            case ${optionsWithValue(program)
              .map(({ long }) => long)
              .join(' ')}
                set value yes
            case '-*'
            case '*'
                printf '%s\\n' $word
        end
    end
end

# Whether this command stands there, with so many words before this one; without one: none yet.
function __mailbearer_is -a name place
    set -l words (__mailbearer_words)
    test "$words[1]" = "$name"; or return 1
    test -z "$place"; or test (count $words) -eq $place
end

function __mailbearer_accounts
    set -l words (commandline -opc)
    set -l config
    if set -l at (contains -i -- --config-file $words); and test (count $words) -gt $at
        set config --config-file $words[(math $at + 1)]
    end
    mailbearer $config status --json 2>/dev/null | sed -n ${quoted(accountNames)}
end

complete -c mailbearer -f
${[...general, ...lines].join('\n')}
`;
}

function argumentLines(candidates: Candidates, condition: string): string[] {
  const when = (more = '') => `complete -c mailbearer -n ${quoted(condition + more)}`;
  if (candidates === 'nothing') return [];
  if (candidates === 'files') return [`${when()} -F`];
  if (candidates === 'accounts')
    return [
      `${when()} -a '(__mailbearer_accounts)'`,
      `${when('; and string match -q "*/*" -- (commandline -ct)')} -F`,
    ];
  return [`${when()} -a ${quoted(candidates.join(' '))}`];
}

function optionLine(option: DescribedOption, condition: string): string {
  const { description, long, required, short } = option;
  const names = `${short === undefined ? '' : ` -s ${short.slice(1)}`} -l ${long?.slice(2)}`;
  const value = required ? valueOf(candidatesOfOption(option)) : '';
  return `complete -c mailbearer -n ${quoted(condition)}${names}${value} -d ${quoted(description)}`;
}

function valueOf(candidates: Candidates): string {
  if (candidates === 'files') return ' -r -F';
  return typeof candidates === 'string' ? ' -x' : ` -x -a ${quoted(candidates.join(' '))}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll(/\\(?=[\\'])/g, String.raw`\\`).replaceAll("'", String.raw`\'`)}'`;
}
