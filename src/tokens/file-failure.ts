/**
 * System errors on token files as failures of ours: what was tried on which file, and which `chown`, `User=` or
 * command mends it. Every file operation in this folder reports through here.
 */
import { dirname } from 'node:path';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';

/** The token file cannot be read: token-missing or token-unreadable. Passes an AppError on. */
export function readFailure(path: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  switch (systemErrorCode(cause) ?? '') {
    case 'ENOENT':
    case 'ENOTDIR':
      return new AppError('token-missing', `there is no token file ${path}`, {
        hint: `mailbearer get-token PROVIDER ${path}`,
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new AppError('token-unreadable', `no permission to read the token file ${path} as ${whoAmI()}`, {
        hint: `run as the owner of the file (User= in the systemd unit), or: chown ${ownId()} ${path}`,
        cause,
      });
    case 'ELOOP':
      return new AppError('token-unreadable', `the token file ${path} is a loop of symbolic links`, {
        hint: `see where it leads: namei ${path}`,
        cause,
      });
    default:
      return new AppError('token-unreadable', `cannot read the token file ${path}: ${describeCause(cause)}`, {
        hint: `look at it: ls -l ${path}`,
        cause,
      });
  }
}

/** A result could not be stored in `path`: token-unwritable. Passes an AppError on. */
export function writeFailure(path: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const directory = dirname(path);
  return unwritable(path, describeCause(cause), writeHint(directory, systemErrorCode(cause)), cause);
}

export function unwritable(path: string, reason: string, hint: string, cause?: unknown): AppError {
  return new AppError('token-unwritable', `cannot write the token file ${path}: ${reason}`, { hint, cause });
}

function writeHint(directory: string, code: string | undefined): string {
  switch (code ?? '') {
    case 'EACCES':
    case 'EPERM':
      return `let ${whoAmI()} write the directory, or run as its owner (User=): chown ${ownId()} ${directory}`;
    case 'EROFS':
      return `mount it writable, or name ${directory} in ReadWritePaths= of the systemd unit`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `make room on the file system: df ${directory}`;
    case 'EFBIG':
      return 'raise the limit on the size of files (LimitFSIZE= in the systemd unit)';
    case 'ENOENT':
    case 'ENOTDIR':
      return `make the directory: install -d -m 0700 ${directory}`;
    default:
      return `look at the directory: ls -ld ${directory}`;
  }
}

/** Windows has no ids. */
export function ownId(): number {
  return process.geteuid?.() ?? 0;
}

export function whoAmI(): string {
  return `user ${ownId()}`;
}

/** link(2) failed because the file system has no hard links (vfat, some FUSE). */
export function lacksHardLinks(cause: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(systemErrorCode(cause) ?? '');
}
