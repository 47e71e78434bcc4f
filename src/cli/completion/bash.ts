/** Completion for bash 4 and later, without the package bash-completion. */
import {
  accountNames,
  type Candidates,
  candidatesOfArgument,
  candidatesOfOption,
  type DescribedCommand,
  optionsOf,
  optionsWithValue,
} from './described.js';

export function bash(program: DescribedCommand): string {
  const wanting = optionsWithValue(program);
  const values = wanting.map((option) => `    ${option.long}) ${offer(candidatesOfOption(option))} ;;`);
  const commands = program.commands.map((command) => {
    const args = command.registeredArguments.map((argument, at) => {
      const place = argument.variadic ? '*' : String(at);
      return `        ${place}) ${offer(candidatesOfArgument(argument))} ;;`;
    });
    return [
      `    ${command.name()})`,
      `      options="${namesOf(command, program)}"`,
      ...(args.length === 0 ? [] : ['      case $place in', ...args, '      esac']),
      '      ;;',
    ].join('\n');
  });
  return `# bash completion for mailbearer: source it, or put it into /usr/share/bash-completion/completions/mailbearer
_mailbearer() {
  # By spaces: bash would also break an address at its @.
  local line="\${COMP_LINE:0:COMP_POINT}" word current option="" command="" place=0
  local kind="" options=""
  local -a typed config=() words=()
  read -ra typed <<<"$line"
  [[ $line == *[[:space:]] ]] && typed+=("")
  current="\${typed[-1]}"
  for word in "\${typed[@]:1:\${#typed[@]}-2}"; do
    if [[ -n $option ]]; then
      [[ $option == --config-file ]] && config=(--config-file "\${word/#\\~\\//$HOME/}")
      option=""
      continue
    fi
    case "$word" in
    ${wanting.map(({ long }) => long).join('|')}) option="$word" ;;
    -*) ;;
    *) if [[ -z $command ]]; then command="$word"; else place=$((place + 1)); fi ;;
    esac
  done
  case "$option" in
    "") ;;
${values.join('\n')}
  esac
  if [[ -z $option ]]; then
    case "$command" in
    "")
      words=(${program.commands.map((command) => command.name()).join(' ')})
      options="${namesOf(program, program)}"
      ;;
${commands.join('\n')}
    esac
    if [[ $current == -* ]]; then kind="" words=($options); fi
  fi
  if [[ $kind == accounts ]]; then
    mapfile -t words < <(mailbearer "\${config[@]}" status --json 2>/dev/null | sed -n '${accountNames}')
    [[ $current == */* ]] && kind=files
  fi
  if [[ $kind == files ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    # Not compgen -W: it would run what stands in the name of a file.
    COMPREPLY=()
    for word in "\${words[@]}"; do
      printf -v word %q "$word"
      [[ $word == "$current"* ]] && COMPREPLY+=("$word")
    done
  fi
  # bash replaces only what it takes for the word, which may begin at an @, a : or an =.
  local before="\${current%"$2"}"
  [[ -z $before ]] || COMPREPLY=("\${COMPREPLY[@]#"$before"}")
}
complete -F _mailbearer mailbearer
`;
}

function namesOf(command: DescribedCommand, program: DescribedCommand): string {
  return optionsOf(command, program)
    .map(({ long }) => long)
    .join(' ');
}

function offer(candidates: Candidates): string {
  if (candidates === 'nothing') return '';
  return typeof candidates === 'string' ? `kind=${candidates}` : `words=(${candidates.join(' ')})`;
}
