/**
 * A durable, atomic write in steps. Reserving proves that the new file can be made with the owner, group and mode it
 * must have, and fills it, so that the space is really there; keeping writes the text into that same space, sealed, for
 * recovery.ts to find; publishing takes the seal off, syncs, and renames it into place. A crash or a full disk at any
 * point leaves the old file whole.
 */
import { fstatSync, type Stats } from 'node:fs';
import { constants, type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, systemErrorCode } from '../core/errors.js';
import type { Clock } from '../core/clock.js';
import { lacksHardLinks, ownId, unwritable, whoAmI, writeFailure } from './file-failure.js';
import { removeLeftovers } from './leftovers.js';
import { temporaryPath } from './names.js';
import { type FileStamp, type Ownership, stampOf } from './read-file.js';
import { type Sealed, seal } from './seal.js';

/** Room for tokens that have grown; Microsoft's pass 4 kB. Octets. */
const spareBytes = 16 * 1024;

export interface ReplacementOptions {
  /** The file to be written, without symlinks. */
  readonly target: string;
  /** About what will be written. */
  readonly text: string;
  readonly ownership: Partial<Ownership>;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface Replacement {
  /** Durable when it resolves. */
  keep(sealed: Sealed): Promise<void>;
  /**
   * Durable when it resolves, to the stamp of the file in its place. `create` throws AppError token-exists when there is
   * a file by now.
   */
  publish(text: string, how: 'replace' | 'create'): Promise<FileStamp>;
  /** Gives the space back; harmless after publish. */
  release(): Promise<void>;
}

/** Throws AppError token-unwritable with the command that mends it; nothing is left behind then. */
export async function reserveReplacement(options: ReplacementOptions): Promise<Replacement> {
  const { target, clock, random } = options;
  await removeLeftovers(target, clock);
  const path = temporaryPath(target, random);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;
  let directory: FileHandle | undefined;
  let file: FileHandle | undefined;
  try {
    directory = await open(dirname(target), O_RDONLY);
    file = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    await keepOwnership(file, target, options.ownership);
    // Spaces, not a hole: the blocks must be given now. JSON readers skip them.
    const content = Buffer.concat([Buffer.from(options.text), Buffer.alloc(spareBytes, ' ')]);
    await writeFully(file, content);
    await file.sync();
    return new ReservedReplacement(target, path, file, content.length, directory, clock);
  } catch (error) {
    await directory?.close();
    if (file) {
      await file.close();
      await unlink(path).catch(() => undefined);
    }
    throw writeFailure(target, error);
  }
}

class ReservedReplacement implements Replacement {
  #state: 'reserved' | 'published' | 'released' = 'reserved';

  constructor(
    private readonly target: string,
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly octets: number,
    private readonly directory: FileHandle,
    private readonly clock: Clock,
  ) {}

  async keep(sealed: Sealed): Promise<void> {
    try {
      await writeFully(this.file, seal(sealed, this.octets));
      await this.file.sync();
    } catch (error) {
      throw writeFailure(this.target, error);
    }
  }

  async publish(text: string, how: 'replace' | 'create'): Promise<FileStamp> {
    try {
      const content = Buffer.from(text);
      await writeFully(this.file, content);
      await this.file.truncate(content.length);
      // By the clock that dates the expiry, so that their difference is the token's life on a file server too.
      await this.file.utimes(this.clock.now() / 1000, this.clock.now() / 1000);
      await this.file.sync();
      if (how === 'replace') await rename(this.path, this.target);
      else await createFrom(this.path, this.target);
      this.#state = 'published';
      const stamp = stampOf(fstatSync(this.file.fd));
      await syncHandle(this.directory);
      return stamp;
    } catch (error) {
      throw writeFailure(this.target, error);
    }
  }

  async release(): Promise<void> {
    if (this.#state === 'released') return;
    const published = this.#state === 'published';
    this.#state = 'released';
    await this.file.close();
    await this.directory.close();
    if (!published) await unlink(this.path).catch(() => undefined);
  }
}

async function keepOwnership(file: FileHandle, target: string, wanted: Partial<Ownership>): Promise<void> {
  const made = fstatSync(file.fd);
  const { uid = made.uid, gid = made.gid, mode = 0o600 } = wanted;
  const isAsWanted = (at: Stats) => at.uid === uid && at.gid === gid && (at.mode & 0o7777) === mode;
  if (isAsWanted(made)) return;
  try {
    if (uid !== made.uid || gid !== made.gid) await file.chown(uid, gid);
    // After chown, which may clear bits.
    await file.chmod(mode);
    if (isAsWanted(fstatSync(file.fd))) return;
  } catch (error) {
    if (systemErrorCode(error) !== 'EPERM') throw error;
  }
  throw unwritable(
    target,
    `${whoAmI()} cannot keep its owner ${uid}, group ${gid} and mode ${mode.toString(8)}`,
    `run as the owner of the file (User=${uid} in the systemd unit), or: chown ${ownId()}:${made.gid} ${target}`,
  );
}

/** From the start of the file; a write may be cut short just before the disk is full. */
async function writeFully(file: FileHandle, content: Buffer): Promise<void> {
  for (let at = 0; at < content.length;) {
    const { bytesWritten } = await file.write(content, at, content.length - at, at);
    at += bytesWritten;
  }
}

/** rename(2) would replace a file that someone else made in the meantime; link(2) does not. */
async function createFrom(path: string, target: string): Promise<void> {
  try {
    await link(path, target);
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') throw alreadyExists(target);
    if (!lacksHardLinks(error)) throw error;
    if (await lstat(target).catch(() => undefined)) throw alreadyExists(target);
    return rename(path, target);
  }
  await unlink(path);
}

export function alreadyExists(path: string): AppError {
  return new AppError('token-exists', `there is a token file ${path} already`, {
    hint: 'to replace its token, add --overwrite-existing-token',
  });
}

/** The name of a file is durable only with its directory. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await syncHandle(directory);
  } finally {
    await directory.close();
  }
}

/** Some network file systems cannot, and need not. */
async function syncHandle(directory: FileHandle): Promise<void> {
  try {
    await directory.sync();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error;
  }
}
