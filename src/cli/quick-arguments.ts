/**
 * The command line of `token` as programs write it, read without the parser of all commands, which takes longer to load
 * than the rest takes altogether.
 */
import type { MechanismName } from '../providers/provider.js';

export interface QuickArguments {
  readonly account: string;
  readonly configFile?: string;
  readonly sasl?: MechanismName;
}

/** Undefined for every other command, and for whatever is repeated, unknown or wrong. */
export function quickArguments(argv: readonly string[]): QuickArguments | undefined {
  const words: string[] = [];
  const options = new Map<string, string>();
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at]!;
    if (!argument.startsWith('-')) {
      words.push(argument);
      continue;
    }
    const [, name, inline] = /^(--config-file|--sasl)(?:=([^]*))?$/.exec(argument) ?? [];
    const value = inline ?? argv[++at];
    // That of the command comes after it, that of all commands anywhere.
    const isKnown = name === '--config-file' || (name === '--sasl' && words[0] === 'token');
    if (!isKnown || options.has(name) || !value || value.startsWith('-')) return undefined;
    options.set(name, value);
  }
  const [command, account, ...rest] = words;
  if (command !== 'token' || !account || rest.length > 0) return undefined;
  const [configFile, sasl] = [options.get('--config-file'), options.get('--sasl')];
  if (sasl !== undefined && sasl !== 'xoauth2' && sasl !== 'oauthbearer') return undefined;
  return { account, ...(configFile && { configFile }), ...(sasl && { sasl }) };
}
