/**
 * One refresh of a token at a time, across processes: a lock file that names its holder from its first moment and is
 * touched while held. The lock of a dead holder is replaced at once, any other 90 s after its last touch. The
 * plugin knows nothing of this lock; who holds it must still look at the file again before writing.
 */
import { fstatSync } from 'node:fs';
import { constants, type FileHandle, link, lstat, open, readFile, rename, unlink } from 'node:fs/promises';
import { type Clock, sleep } from '../core/clock.js';
import { AppError, systemErrorCode } from '../core/errors.js';
import { lacksHardLinks, writeFailure } from './file-failure.js';
import { lockPath, randomWord, temporaryPath } from './names.js';
import { isGone, ownIdentity, parseIdentity } from './process-identity.js';
import { finishKilledWrite } from './recovery.js';

const touchEveryMs = 20_000;
/** Four touches missed: the holder is on another machine or in another container, and gone or stuck. */
const abandonedAfterMs = 90_000;
const pollMs = 100;

export interface LockOptions {
  readonly clock: Clock;
  readonly random: () => number;
}

/** What was seen of someone's lock. Equal texts are one lock, for each has a nonce. */
interface Sighting {
  readonly text: string;
  readonly touchedAt: number;
}

/**
 * Runs `work` while holding the lock of `target`, a path without symlinks. Throws AppError token-locked when
 * `signal` aborts before the lock is had, token-unwritable when no lock file can be made.
 */
export async function withLock<T>(
  target: string,
  { clock, random }: LockOptions,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const path = lockPath(target);
  const text = JSON.stringify({ ...(await ownIdentity()), nonce: randomWord(random) });
  const handle = await acquire(target, path, text, { clock, random }, signal);
  let touching = Promise.resolve();
  const touch = () => {
    // A failed touch changes nothing here: at worst another takes the lock for abandoned.
    touching = handle.utimes(clock.now() / 1000, clock.now() / 1000).catch(() => undefined);
    timer = clock.setTimer(touchEveryMs, touch, { unref: true });
  };
  let timer = clock.setTimer(touchEveryMs, touch, { unref: true });
  try {
    return await work();
  } finally {
    timer.cancel();
    await touching;
    await release(path, text, handle);
  }
}

async function acquire(
  target: string,
  path: string,
  text: string,
  { clock, random }: LockOptions,
  signal: AbortSignal | undefined,
): Promise<FileHandle> {
  let first: (Sighting & { readonly seenAt: number }) | undefined;
  for (;;) {
    if (signal?.aborted) throw locked(target, first);
    const seen = await look(path);
    if (seen === undefined) {
      const handle = await create(target, path, text, { clock, random });
      if (handle) return handle;
      continue;
    }
    if (first?.text !== seen.text || first.touchedAt !== seen.touchedAt)
      first = { ...seen, seenAt: clock.monotonic() };
    // Watched, too, and not only compared with our clock: the holder's clock may be another.
    const untouchedMs = Math.max(clock.now() - seen.touchedAt, clock.monotonic() - first.seenAt);
    if (untouchedMs > abandonedAfterMs || (await isDead(seen))) {
      // Before the lock is gone: another may have it next, and know nothing of what was left.
      await finishKilledWrite(target, clock, 'anew');
      await setAside(target, path, seen, random);
      continue;
    }
    await sleep(clock, pollMs * (0.75 + 0.5 * random()), signal).catch(() => undefined);
  }
}

/** Undefined when there is a lock already. It gets its name whole: a kill in between leaves no lock of nobody. */
async function create(
  target: string,
  path: string,
  text: string,
  { clock, random }: LockOptions,
): Promise<FileHandle | undefined> {
  const draft = temporaryPath(target, random);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  let handle: FileHandle | undefined;
  try {
    // 0644: others must be able to judge the holder, and nothing in it is secret.
    handle = await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    await handle.writeFile(text);
    await handle.utimes(clock.now() / 1000, clock.now() / 1000);
    if (await giveName(draft, path)) return handle;
    await handle.close();
    return undefined;
  } catch (error) {
    await handle?.close();
    throw writeFailure(target, error);
  } finally {
    if (handle) await unlink(draft).catch(() => undefined);
  }
}

/** False when there is such a file. */
async function giveName(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path).catch(async (error: unknown) => {
      if (!lacksHardLinks(error)) throw error;
      // Nor is there an exclusive rename; an empty lock is left alone while it is young.
      await (await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)).close();
      await rename(draft, path);
    });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined when it has gone. An unreadable one is judged by its last touch alone. */
async function look(path: string): Promise<Sighting | undefined> {
  try {
    const { mtimeMs } = await lstat(path);
    return { text: await readFile(path, 'utf8').catch(() => ''), touchedAt: mtimeMs };
  } catch {
    return undefined;
  }
}

async function isDead({ text }: Sighting): Promise<boolean> {
  try {
    const holder = parseIdentity(JSON.parse(text));
    return holder !== undefined && (await isGone(holder));
  } catch {
    return false;
  }
}

/**
 * Takes an abandoned lock out of the way. Between the judgement and the rename another waiter may have replaced
 * it with a living one: what was renamed is therefore looked at, and put back if it is not what was judged.
 */
async function setAside(target: string, path: string, judged: Sighting, random: () => number): Promise<void> {
  const aside = temporaryPath(target, random);
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw writeFailure(target, error);
  }
  const taken = await look(aside);
  if (taken?.text !== judged.text || taken.touchedAt !== judged.touchedAt)
    await link(aside, path).catch(() => undefined);
  await unlink(aside).catch(() => undefined);
}

async function release(path: string, text: string, handle: FileHandle): Promise<void> {
  const own = fstatSync(handle.fd);
  const there = await lstat(path).catch(() => undefined);
  // By the number it is known in one look, where a file system gives both of its names the same.
  const isOurs = (there?.ino === own.ino && there.dev === own.dev) || (await look(path))?.text === text;
  await handle.close();
  // Not ours any more when this process slept through 90 s. What cannot be removed is given up by its age.
  if (isOurs) await unlink(path).catch(() => undefined);
}

function locked(target: string, holder: Sighting | undefined): AppError {
  const pid = /"pid":(\d+)/.exec(holder?.text ?? '')?.[1];
  const who = pid === undefined ? 'another process' : `process ${pid}`;
  return new AppError('token-locked', `${who} is refreshing the token in ${target} and has not finished`, {
    hint: 'try again in a minute',
  });
}
