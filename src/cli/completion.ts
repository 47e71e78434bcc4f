/**
 * Completion for bash, zsh and fish, made of the program's own commands and options, so that it cannot lag behind.
 * Pure: text in, text out. Accounts are asked of `mailbearer status` when they are wanted.
 */

/** The part of commander's Command that is looked at. */
export interface DescribedCommand {
  name(): string;
  description(): string;
  readonly options: readonly DescribedOption[];
  readonly commands: readonly DescribedCommand[];
  readonly registeredArguments: readonly { name(): string; readonly argChoices?: string[] }[];
}

interface DescribedOption {
  readonly long?: string | null;
  readonly description: string;
  readonly required: boolean;
  readonly argChoices?: readonly string[] | undefined;
}

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function completionFor(shell: Shell, program: DescribedCommand): string {
  return { bash, zsh, fish }[shell](program);
}

/** Arguments that name accounts. */
const accountArguments = new Set(['account', 'accounts']);
const listAccounts = `mailbearer status --json 2>/dev/null | sed -n 's/^ *"account": "\\(.*\\)",$/\\1/p'`;

function bash(program: DescribedCommand): string {
  const cases = program.commands.map((command) => {
    const { options, registeredArguments } = command;
    const words = [...options, ...program.options].map(({ long }) => long).filter(Boolean);
    const choices = registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
    const accounts = namesAccounts(registeredArguments) ? ` $(${listAccounts})` : '';
    return `    ${command.name()}) words="${[...words, ...choices].join(' ')}${accounts}" ;;`;
  });
  const values = optionsOf(program)
    .filter(({ argChoices }) => argChoices !== undefined)
    .map(({ argChoices = [], long }) => `    ${long}) words="${argChoices.join(' ')}" ;;`);
  return `# bash completion for mailbearer: source it, or put it into /usr/share/bash-completion/completions/mailbearer
_mailbearer() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) command="$word"; break ;; esac
  done
  case "$command" in
    "") words="${[...program.commands.map((command) => command.name()), ...program.options.map(({ long }) => long)].filter(Boolean).join(' ')}" ;;
${cases.join('\n')}
  esac
  case "$previous" in
${values.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  # Where no word fits, files may.
  [ \${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -o filenames -F _mailbearer mailbearer
`;
}

function zsh(program: DescribedCommand): string {
  return `#compdef mailbearer
# zsh completion for mailbearer: put it into a directory of $fpath as _mailbearer
autoload -U +X bashcompinit && bashcompinit
${bash(program)}`;
}

function fish(program: DescribedCommand): string {
  const lines = program.commands.flatMap((command) => {
    const name = command.name();
    const within = `-n '__fish_seen_subcommand_from ${name}'`;
    const accounts = namesAccounts(command.registeredArguments)
      ? [
          `complete -c mailbearer ${within} -a "(${listAccounts.replaceAll('$', '\\$').replaceAll('"', '\\"')})"`,
        ]
      : [];
    return [
      `complete -c mailbearer -n __fish_use_subcommand -a ${name} -d ${quoted(command.description())}`,
      ...command.options.map((option) => fishOption(option, within)),
      ...accounts,
    ];
  });
  const globals = program.options.map((option) => fishOption(option, ''));
  return `# fish completion for mailbearer: put it into ~/.config/fish/completions/mailbearer.fish
${[...lines, ...globals].join('\n')}
`;
}

function fishOption({ argChoices, description, long, required }: DescribedOption, within: string): string {
  const values = argChoices === undefined ? '' : ` -x -a ${quoted(argChoices.join(' '))}`;
  const takes = required && argChoices === undefined ? ' -r' : '';
  return `complete -c mailbearer ${within} -l ${(long ?? '').slice(2)}${takes}${values} -d ${quoted(description)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function namesAccounts(args: DescribedCommand['registeredArguments']): boolean {
  return args.some((argument) => accountArguments.has(argument.name()));
}

function optionsOf(program: DescribedCommand): readonly DescribedOption[] {
  return [...program.options, ...program.commands.flatMap(({ options }) => options)];
}
