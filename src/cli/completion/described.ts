/** What completion wants to know of the program: its commands, and what may stand where a value is wanted. */
import { presets } from '../../providers/index.js';

/** The part of commander's Command that is looked at. */
export interface DescribedCommand {
  name(): string;
  description(): string;
  readonly options: readonly DescribedOption[];
  readonly commands: readonly DescribedCommand[];
  readonly registeredArguments: readonly DescribedArgument[];
}

export interface DescribedOption {
  /** `--client-id <id>` */
  readonly flags: string;
  readonly short?: string | undefined;
  readonly long?: string | undefined;
  readonly description: string;
  /** It wants a value. */
  readonly required: boolean;
  readonly variadic: boolean;
  readonly argChoices?: readonly string[] | undefined;
}

export interface DescribedArgument {
  name(): string;
  readonly required: boolean;
  readonly variadic: boolean;
  readonly argChoices?: readonly string[] | undefined;
}

/** What may stand in a place: one of these words, an account or its token file, a file, or what only the user knows. */
export type Candidates = readonly string[] | 'accounts' | 'files' | 'nothing';

/** Providers of a configuration are left out: to know them would mean to read it at each key. */
export function candidatesOfArgument(argument: DescribedArgument): Candidates {
  if (argument.argChoices !== undefined) return argument.argChoices;
  const name = argument.name();
  if (name === 'provider') return [...presets.keys()];
  if (name === 'account' || name === 'accounts') return 'accounts';
  return name === 'file' ? 'files' : 'nothing';
}

export function candidatesOfOption({ argChoices, flags }: DescribedOption): Candidates {
  if (argChoices !== undefined) return argChoices;
  if (flags.includes('<providers>')) return [...presets.keys()];
  return flags.includes('<file>') ? 'files' : 'nothing';
}

/** Of every command; commander does not list it. */
const helpOption: DescribedOption = {
  flags: '-h, --help',
  short: '-h',
  long: '--help',
  description: 'print this help',
  required: false,
  variadic: false,
};

/** Of a command, with those of the program that it takes, too. */
export function optionsOf(command: DescribedCommand, program: DescribedCommand): readonly DescribedOption[] {
  const general = program.options.filter(({ long }) => command === program || long !== '--version');
  return [...(command === program ? [] : command.options), ...general, helpOption];
}

/** Long names of all options that want a value, each once. */
export function optionsWithValue(program: DescribedCommand): readonly DescribedOption[] {
  const all = [program, ...program.commands].flatMap(({ options }) => options);
  const wanting = all.filter(({ required }) => required);
  return wanting.filter(({ long }, at) => wanting.findIndex((other) => other.long === long) === at);
}

/** For sed: the accounts in what `mailbearer status --json` prints. */
export const accountNames = String.raw`s/^ *"account": "\(.*\)",$/\1/p`;
