/** Completion for zsh, with descriptions. */
import {
  accountNames,
  type Candidates,
  candidatesOfArgument,
  candidatesOfOption,
  type DescribedCommand,
  type DescribedOption,
  optionsOf,
} from './described.js';

export function zsh(program: DescribedCommand): string {
  const commands = program.commands.map(
    (command) => `        ${quoted(`${command.name()}:${command.description()}`)}`,
  );
  const cases = program.commands.map((command) => {
    const args = command.registeredArguments.map((argument, at) => {
      const place = argument.variadic ? '*' : String(at + 1);
      return quoted(`${place}:${argument.name()}:${action(candidatesOfArgument(argument))}`);
    });
    const specs = [...optionsOf(command, program).map(optionSpec), ...args];
    return `        ${command.name()})\n          _arguments -S ${specs.join(' \\\n            ')}\n          ;;`;
  });
  return `#compdef mailbearer
# zsh completion for mailbearer: put it into a directory of $fpath as _mailbearer

_mailbearer_accounts() {
  if [[ $PREFIX == */* ]]; then
    _files
    return
  fi
  local file=\${opt_args[--config-file]:-$config}
  local -a accounts
  accounts=(\${(f)"$(mailbearer \${file:+--config-file} \${file:+\${~\${(Q)file}}} status --json 2>/dev/null | sed -n '${accountNames}')"})
  compadd -a accounts
}

_mailbearer() {
  local context state state_descr line config curcontext="$curcontext"
  typeset -A opt_args
  _arguments -C -S \\
    ${optionsOf(program, program).map(optionSpec).join(' \\\n    ')} \\
    '(-)1:command:->command' \\
    '(-)*::argument:->argument' && return
  config=\${opt_args[--config-file]}
  case $state in
    command)
      local -a commands
      commands=(
${commands.join('\n')}
      )
      _describe -t commands command commands
      ;;
    argument)
      case $line[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}

# Loaded by compinit, the file is the function's body the first time.
if [[ $funcstack[1] == _mailbearer ]]; then
  _mailbearer "$@"
else
  compdef _mailbearer mailbearer
fi
`;
}

function optionSpec(option: DescribedOption): string {
  const { description, long, required, short, variadic } = option;
  const explained = `[${description.replaceAll(/[\\[\]:]/g, String.raw`\$&`)}]`;
  if (required) {
    const value = `:${long?.slice(2)}:${action(candidatesOfOption(option))}`;
    return quoted(`${variadic ? '*' : ''}${long}=${explained}${value}`);
  }
  if (short === undefined) return quoted(`${long}${explained}`);
  return `${quoted(`(- *)`)}{${short},${long}}${quoted(explained)}`;
}

function action(candidates: Candidates): string {
  if (candidates === 'accounts') return '_mailbearer_accounts';
  if (candidates === 'files') return '_files';
  return candidates === 'nothing' ? ' ' : `(${candidates.join(' ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
