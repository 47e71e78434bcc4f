/**
 * `mailbearer token ACCOUNT` where there is nothing to do: the file is where it is looked for first, and its token
 * is fresh. Mail programs run this for each connection, so it loads no library and asks nobody. It promises the answer
 * of the command itself, or none: whenever anything is out of the ordinary, the command, which is slower, has to find
 * it. Mistakes in the configuration that have no bearing on the token it leaves to the next refresh.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { configCandidates, defaultTokenDirectories } from '../config/paths.js';
import { isTokenFileName } from '../tokens/names.js';
import { quickArguments } from './quick-arguments.js';

/** More than any provider's refresh window; where one is configured that is longer, the command decides. */
export const leastLifeSeconds = 20 * 60;

/** The command takes a later expiry for none, as sasl-xoauth2 does. */
const expiryLimit = 2 ** 31;

/** As of the token files that the command reads. */
const largestFileOctets = 2 ** 20;

type Json = Readonly<Record<string, unknown>>;

export interface QuickSurroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** By default those of this machine. */
  readonly configFiles?: readonly string[];
  readonly tokenDirectories?: readonly string[];
}

/** Undefined when it takes more to know; never rejects. */
export async function quickToken(
  argv: readonly string[],
  surroundings: QuickSurroundings,
): Promise<string | undefined> {
  const asked = quickArguments(argv);
  if (asked === undefined) return undefined;
  const { account: word, configFile, sasl } = asked;
  try {
    const config = readConfig(surroundings, configFile);
    if (config === undefined || !windowsAreUsual(config)) return undefined;
    // A database is asked by the command.
    if (!['file', 'keyring', undefined].includes(config['token_store'] as string)) return undefined;
    const isPath = word.includes('/');
    const file = isPath ? readJson(word) : fileOf(word, config, surroundings);
    if (file === undefined) return undefined;
    const token = freshToken(file, surroundings.now);
    if (token === undefined || sasl === undefined) return token;
    // What a path is the account of, the command finds out.
    if (isPath) return undefined;
    const entry = objectOr(objectOr(config['accounts'], {})[word], {});
    const { quickResponse } = await import('./quick-sasl.js');
    return quickResponse(sasl, { config, entry, file, name: word, token });
  } catch {
    return undefined;
  }
}

/** A key of `accounts` names its file, or is the name of one; so is an address where there are no such keys. */
function fileOf(word: string, config: Json, surroundings: QuickSurroundings): Json | undefined {
  if (!isTokenFileName(word)) return undefined;
  const { [word]: entry, ...others } = objectOr(config['accounts'], {});
  const isKey = entry !== undefined;
  const otherNames = Object.keys(others);
  if (!isKey && (otherNames.length > 0 || !word.includes('@'))) return undefined;
  const path = objectOr(entry, {})['token_file'] ?? pathInDirectory(word, config, surroundings);
  if (typeof path !== 'string' || !isAbsolute(path)) return undefined;
  if (otherNames.some((name) => leadsTo(path, objectOr(others[name], {})['token_file']))) return undefined;
  // Behind a link it may be another account's file.
  const file = readJson(path, constants.O_NOFOLLOW);
  // Without a key, another login name is another account's name.
  return isKey || [undefined, word].includes(file?.['user'] as string | undefined) ? file : undefined;
}

/** Only the first directory that there is: what the others hold may be the same files by other names. */
function pathInDirectory(
  word: string,
  config: Json,
  { tokenDirectories }: QuickSurroundings,
): string | undefined {
  const configured = config['token_dir'] ?? tokenDirectories ?? defaultTokenDirectories;
  const directory = ([configured].flat() as string[]).find((path) => existsSync(path));
  return directory && join(directory, word);
}

function leadsTo(path: string, tokenFile: unknown): boolean {
  if (tokenFile === undefined) return false;
  if (typeof tokenFile !== 'string') throw new TypeError('no path');
  return existsSync(tokenFile) && realpathSync(tokenFile) === realpathSync(path);
}

function freshToken(file: Json, now: number): string | undefined {
  const { access_token: token, expiry } = file;
  if (!windowIsUsual(file) || !/^\d{1,10}$/.test(String(expiry))) return undefined;
  const expiresAt = Number(expiry);
  const isFresh = expiresAt < expiryLimit && expiresAt * 1000 - now >= leastLifeSeconds * 1000;
  return isFresh && typeof token === 'string' && token !== '' ? token : undefined;
}

function windowsAreUsual(config: Json): boolean {
  const entries = ['providers', 'accounts'].flatMap((key) => Object.values(objectOr(config[key], {})));
  return [config, ...entries].every((entry) => windowIsUsual(objectOr(entry, undefined)));
}

/** None, or plain seconds below what is called fresh here. */
function windowIsUsual({ refresh_window: window = 0 }: Json): boolean {
  return /^\d{1,10}$/.test(String(window)) && Number(window) <= leastLifeSeconds;
}

/** Undefined when the one that is named is not there, or the environment says more. */
function readConfig({ configFiles, env }: QuickSurroundings, configFile?: string): Json | undefined {
  if (env['MAILBEARER_SETTINGS']) return undefined;
  const named = configFile ?? env['MAILBEARER_CONFIG'];
  if (named) return readJson(named);
  const candidates = configFiles ?? usualConfigFiles();
  for (const file of candidates) {
    const config = readJson(file);
    if (config !== undefined) return config;
  }
  return {};
}

function usualConfigFiles(): string[] {
  return configCandidates({
    systemDirectory: '/etc',
    homeDirectory: homedir(),
    userId: process.getuid?.(),
  });
}

/** Undefined when there is no such file. Throws when it is no JSON, may not be read, or is no usual file. */
function readJson(path: string, flags = 0): Json | undefined {
  const descriptor = open(path, flags);
  if (descriptor === undefined) return undefined;
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > largestFileOctets) throw new TypeError('no file of ours');
    return objectOr(parse(readFileSync(descriptor, 'utf8')), undefined);
  } finally {
    closeSync(descriptor);
  }
}

/** Comments and trailing commas are taken out; the library that knows where a mistake is loads for 20 ms. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const without = (what: RegExp, from: string) =>
      from.replace(what, (_, string: string | undefined) => string ?? ' ');
    const bare = without(/("(?:\\.|[^"\\])*")|\/\/.*|\/\*[^]*?\*\//g, text.replace(/^\uFEFF/, ''));
    return JSON.parse(without(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, bare));
  }
}

/** Does not wait for whoever writes to a FIFO. */
function open(path: string, flags: number): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Throws when it is anything else than an object, or missing without a default. */
function objectOr(value: unknown, otherwise: Json | undefined): Json {
  const found = value ?? otherwise;
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw new TypeError('no object');
  return found as Json;
}
