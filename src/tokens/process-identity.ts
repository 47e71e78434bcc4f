/**
 * Which process this is, so that another one can tell whether it still lives: the boot and the pid namespace say
 * where a pid means something, the start time tells a process from a later one with the same pid. Without /proc
 * (macOS) the pid and the host's name must do.
 */
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemErrorCode } from '../core/errors.js';

export interface ProcessIdentity {
  readonly boot: string;
  readonly pidNamespace: string;
  readonly pid: number;
  /** Clock ticks from boot to start (proc_pid_stat(5), field 22), "" where unknown. */
  readonly startTime: string;
}

let own: Promise<ProcessIdentity> | undefined;

/** It stays the same, so it is asked for once. */
export function ownIdentity(): Promise<ProcessIdentity> {
  return (own ??= findOwnIdentity());
}

async function findOwnIdentity(): Promise<ProcessIdentity> {
  const [boot, pidNamespace, stat] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => hostname()),
    readlink('/proc/self/ns/pid').catch(() => ''),
    processStat(process.pid),
  ]);
  return { boot: boot.trim(), pidNamespace, pid: process.pid, startTime: stat?.startTime ?? '' };
}

/** True only when it certainly no longer runs; a process of another boot or namespace cannot be judged. */
export async function isGone(other: ProcessIdentity): Promise<boolean> {
  const own = await ownIdentity();
  if (other.boot !== own.boot || other.pidNamespace !== own.pidNamespace) return false;
  // Asked first because /proc can hide the processes of other users (hidepid=), and that is not their end.
  if (!exists(other.pid)) return true;
  const stat = await processStat(other.pid);
  if (stat === undefined || other.startTime === '') return false;
  // A zombie holds nothing any more; a container without an init process keeps it for long.
  return stat.startTime !== other.startTime || stat.state === 'Z' || stat.state === 'X';
}

/** What an unknown text says of a process, undefined when it says nothing of use. */
export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { boot, pidNamespace, pid, startTime } = value as Record<string, unknown>;
  if (typeof boot !== 'string' || typeof pidNamespace !== 'string' || typeof startTime !== 'string')
    return undefined;
  // 0 and negative numbers mean process groups to kill(2).
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0) return undefined;
  return { boot, pidNamespace, pid: pid as number, startTime };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}

async function processStat(pid: number): Promise<{ state: string; startTime: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name in parentheses and may hold anything, parentheses too.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields?.[0], fields?.[19]];
  return state !== undefined && startTime !== undefined ? { state, startTime } : undefined;
}
