/**
 * `state.json` in the state directory: what is remembered of accounts beside their token files, and may be lost. No
 * token is in it, only the SHA-256 of refresh tokens. Promises never to fail towards a caller, to write whole files
 * only, to keep what another process has written of other tokens and accounts, and to forget accounts that are gone.
 */
import { createHash } from 'node:crypto';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemStateDirectory, userStateDirectory } from '../config/paths.js';
import type { Clock, Timer } from '../core/clock.js';
import { describeCause } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Secret } from '../core/secret.js';
import {
  type FileStamp,
  isSame,
  type Ownership,
  readTokenText,
  stampOf,
  statFile,
} from '../tokens/read-file.js';
import { reserveReplacement } from '../tokens/replacement.js';
import { type AccountMemory, formatState, parseState, type State, type TokenMemory } from './state-format.js';

export type { AccountMemory, TokenMemory, Trouble } from './state-format.js';

export interface StateFileOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** False: what is not there yet is left to the service, whose directory it must be. By default true. */
  readonly makesDirectory?: boolean;
}

/** Several changes belong together, and none is worth a write of its own. */
const writeAfterMs = 1_000;
/** The file is written whole, so of thousands of accounts more changes are written together. */
const writeAfterMsPerAccount = 20;
/** A hundred thousand accounts take a third of it. */
const limitBytes = 2 ** 26;
const day = 86_400_000;
/** An account of which nothing was heard for so long is gone. */
const forgetAfterMs = 90 * day;

/** @param homeDirectory of the user whose process this is */
export async function findStateFile(
  stateDir: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  homeDirectory: string,
): Promise<string> {
  // systemd gives several, with colons between.
  const named = stateDir ?? env['STATE_DIRECTORY']?.split(':')[0];
  if (named) return join(named, 'state.json');
  const shared = await access(systemStateDirectory, constants.W_OK).then(
    () => true,
    () => false,
  );
  return join(shared ? systemStateDirectory : userStateDirectory(env, homeDirectory), 'state.json');
}

/** Beside the state file: answers of token endpoints that could not be written into a database yet. */
export function keptAnswersDirectory(stateFile: string): string {
  return join(dirname(stateFile), 'answers');
}

/** The name that a refresh token goes by here. */
export function fingerprint(refreshToken: Secret): string {
  return createHash('sha256').update(refreshToken.reveal()).digest('base64url');
}

export class StateFile {
  readonly #options: StateFileOptions;
  #state: State;
  /** The fingerprints that are remembered of an account; one, but for what several processes have written. */
  #prints: Map<string, readonly string[]>;
  /** Of the file as it was written here; while it is the same, nobody else has written anything. */
  #stamp: FileStamp | undefined;
  /** What was changed here since it was last written. */
  #changed = { tokens: new Set<string>(), accounts: new Set<string>() };
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #saidUnwritable = false;

  private constructor(options: StateFileOptions, state: State) {
    this.#options = options;
    this.#state = state;
    this.#prints = printsIn(state);
  }

  /** A file that is not there or cannot be understood is an empty one. */
  static async open(options: StateFileOptions): Promise<StateFile> {
    return new StateFile(options, await read(options.path));
  }

  token(print: string | undefined): TokenMemory | undefined {
    return print === undefined ? undefined : this.#state.tokens.get(print);
  }

  /** The fingerprint that is remembered of an account's refresh token. */
  printOf(name: string): string | undefined {
    return this.#prints.get(name)?.[0];
  }

  get path(): string {
    return this.#options.path;
  }

  account(name: string): AccountMemory | undefined {
    return this.#state.accounts.get(name);
  }

  /** What is remembered of the account's other tokens is forgotten. */
  setToken(print: string, memory: TokenMemory): void {
    for (const other of this.#prints.get(memory.account) ?? [])
      if (other !== print) {
        this.#state.tokens.delete(other);
        this.#changed.tokens.add(other);
      }
    this.#state.tokens.set(print, memory);
    this.#prints.set(memory.account, [print]);
    this.#changed.tokens.add(print);
    this.setAccount(memory.account, this.account(memory.account) ?? {});
  }

  setAccount(name: string, memory: AccountMemory): void {
    this.#state.accounts.set(name, { ...memory, seenAt: this.#options.clock.now() });
    this.#changed.accounts.add(name);
    this.#writeSoon();
  }

  /** The account is there, whether or not there is news of it. To the day is exact enough. */
  sees(name: string): void {
    const known = this.account(name);
    if (this.#options.clock.now() - (known?.seenAt ?? 0) >= day) this.setAccount(name, known ?? {});
  }

  /** Writes what is not written yet; resolves in any case. */
  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  #writeSoon(): void {
    const delayMs = Math.max(writeAfterMs, this.#state.accounts.size * writeAfterMsPerAccount);
    this.#timer ??= this.#options.clock.setTimer(delayMs, () => void this.flush(), { unref: true });
  }

  async #write(): Promise<void> {
    if (this.#changed.tokens.size + this.#changed.accounts.size === 0) return;
    let changed = this.#changed;
    try {
      const { clock, makesDirectory = true, path } = this.#options;
      await (makesDirectory ? makeDirectory : stat)(dirname(path));
      const file = await statFile(path).catch(() => undefined);
      const isOurs = this.#stamp !== undefined && file !== undefined && isSame(stampOf(file), this.#stamp);
      const state = isOurs ? this.#state : await read(path);
      changed = this.#changed;
      this.#changed = { tokens: new Set(), accounts: new Set() };
      if (!isOurs) {
        for (const print of changed.tokens) carry(print, this.#state.tokens, state.tokens, bothKnow);
        for (const name of changed.accounts) carry(name, this.#state.accounts, state.accounts);
        this.#state = state;
      }
      if (forgetGone(state, clock.now()) || !isOurs) this.#prints = printsIn(state);
      const ownership = file === undefined ? await ownerOfNew(path) : { uid: file.uid, gid: file.gid };
      this.#stamp = await this.#replace(formatState(state), ownership);
      this.#saidUnwritable = false;
    } catch (error) {
      for (const print of changed.tokens) this.#changed.tokens.add(print);
      for (const name of changed.accounts) this.#changed.accounts.add(name);
      this.#complain(error);
    }
  }

  async #replace(text: string, ownership: Partial<Ownership>): Promise<FileStamp> {
    const { path, clock, random } = this.#options;
    const replacement = await reserveReplacement({ target: path, text, ownership, clock, random });
    try {
      return await replacement.publish(text, 'replace');
    } finally {
      await replacement.release();
    }
  }

  #complain(error: unknown): void {
    if (this.#saidUnwritable) return;
    this.#saidUnwritable = true;
    const { path, logger } = this.#options;
    // The words of the store speak of a token file; the cause does not.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    logger.info(
      { file: path, hint: 'name a directory that can be written: state_dir' },
      `cannot write ${path}, so the age of sign-ins is not known after a restart: ${describeCause(cause)}`,
    );
  }
}

function printsIn({ tokens }: State): Map<string, readonly string[]> {
  const prints = new Map<string, readonly string[]>();
  for (const [print, { account }] of tokens) prints.set(account, [...(prints.get(account) ?? []), print]);
  return prints;
}

function carry<T>(
  key: string,
  from: ReadonlyMap<string, T>,
  to: Map<string, T>,
  merge: (ours: T, theirs: T) => T = (ours) => ours,
): void {
  const [ours, theirs] = [from.get(key), to.get(key)];
  if (ours === undefined) to.delete(key);
  else to.set(key, theirs === undefined ? ours : merge(ours, theirs));
}

/** What two processes know of one token is true together: a sign-in and `serve`, which finds its file. */
function bothKnow(ours: TokenMemory, theirs: TokenMemory): TokenMemory {
  return {
    ...ours,
    firstSeenAt: Math.min(ours.firstSeenAt, theirs.firstSeenAt),
    announcedEndAt: ours.announcedEndAt ?? theirs.announcedEndAt,
  };
}

/** Whether there was anything to forget. */
function forgetGone({ accounts, tokens }: State, now: number): boolean {
  const before = accounts.size + tokens.size;
  for (const [name, { seenAt = 0 }] of accounts) if (now - seenAt > forgetAfterMs) accounts.delete(name);
  for (const [print, { account }] of tokens) if (!accounts.has(account)) tokens.delete(print);
  return accounts.size + tokens.size < before;
}

async function read(path: string): Promise<State> {
  try {
    return parseState((await readTokenText(path, limitBytes)).text);
  } catch {
    return parseState('');
  }
}

/** Root writes for the service whose directory it is. */
async function ownerOfNew(path: string): Promise<Partial<Ownership>> {
  if (process.geteuid?.() !== 0) return {};
  const { gid, uid } = await stat(dirname(path));
  return { uid, gid };
}

/** No home directory is made for a user who has none. */
async function makeDirectory(directory: string): Promise<void> {
  if (directory.endsWith('/.local/state/mailbearer')) await stat(join(directory, '../../..'));
  await mkdir(directory, { recursive: true, mode: 0o700 });
}
