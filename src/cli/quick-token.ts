/**
 * `mailbearer token ACCOUNT` where there is nothing to do: the file is where it is looked for first, and its token
 * is fresh. Mail programs run this for each connection, so it loads no library and asks nobody. Whenever anything
 * is out of the ordinary it knows no answer, and the command itself, which is slower, finds the same one.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { configCandidates, defaultTokenDirectories } from '../config/paths.js';

/** More than any provider's refresh window, so that what is printed is what the command itself would print. */
const leastLifeMs = 20 * 60_000;

type Json = Readonly<Record<string, unknown>>;

export interface QuickSurroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** By default those of this machine. */
  readonly configFiles?: readonly string[];
  readonly tokenDirectories?: readonly string[];
}

/** Undefined when it takes more to know; never throws. */
export function quickToken(argv: readonly string[], surroundings: QuickSurroundings): string | undefined {
  const [command, word, ...rest] = argv;
  if (command !== 'token' || word === undefined || word.startsWith('-') || rest.length > 0) return undefined;
  try {
    const file = word.includes('/') ? readJson(word) : fileOf(word, surroundings);
    return file && freshToken(file, surroundings.now);
  } catch {
    return undefined;
  }
}

/** An address without an entry of its own in `accounts`, or with one, is the file of that name. */
function fileOf(word: string, surroundings: QuickSurroundings): Json | undefined {
  if (!word.includes('@')) return undefined;
  const config = readConfig(surroundings);
  const accounts = objectOr(config['accounts'], {});
  const entry = accounts[word];
  if (entry === undefined && Object.keys(accounts).length > 0) return undefined;
  const path = objectOr(entry, {})['token_file'];
  if (typeof path === 'string') return readJson(path);
  const configured = config['token_dir'] ?? surroundings.tokenDirectories ?? defaultTokenDirectories;
  for (const directory of [configured].flat() as string[]) {
    const file = readJson(join(directory, word));
    // Another login name is another account's name.
    if (file !== undefined)
      return [undefined, word].includes(file['user'] as string | undefined) ? file : undefined;
  }
  return undefined;
}

function freshToken({ access_token: token, expiry }: Json, now: number): string | undefined {
  const isFresh = /^\d{1,10}$/.test(String(expiry)) && Number(expiry) * 1000 - now >= leastLifeMs;
  return isFresh && typeof token === 'string' && token !== '' ? token : undefined;
}

function readConfig({ configFiles, env }: QuickSurroundings): Json {
  const named = env['MAILBEARER_CONFIG'];
  const files = named
    ? [named]
    : (configFiles ??
      configCandidates({
        systemDirectory: '/etc',
        homeDirectory: homedir(),
        userId: process.getuid?.(),
      }));
  for (const file of files) {
    const config = readJson(file);
    if (config !== undefined) return config;
  }
  return {};
}

/** Undefined when there is no such file. Throws when it is not strict JSON, or may not be read. */
function readJson(path: string): Json | undefined {
  try {
    return objectOr(JSON.parse(readFileSync(path, 'utf8')), undefined);
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
