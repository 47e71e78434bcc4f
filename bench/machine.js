// @ts-check
/**
 * The machine that is measured on: which core does what, what is installed, what a process has used. The relay
 * under test has the first core for itself; generator, sink, Postfix and the benchmark share the second.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** Linux counts CPU time in ticks of 10 ms (USER_HZ), whatever the kernel's own. */
const tickMs = 10;

/**
 * Standard output of a program, or undefined when it can't be run.
 *
 * @param {string} program
 * @param {string[]} args
 */
export function tryProgram(program, ...args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** Whether there are two cores, and taskset to tell them apart. */
export const canPin = availableParallelism() > 1 && tryProgram('taskset', '--version') !== undefined;

/** Puts this process and all that it starts from now on onto the second core. */
export function leaveFirstCore() {
  if (canPin) execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', '1', String(process.pid)]);
}

/**
 * A command that runs on the first core.
 *
 * @param {string[]} command
 * @returns {[program: string, args: string[]]}
 */
export function onFirstCore(command) {
  const [program = '', ...args] = canPin ? ['taskset', '--cpu-list', '0', ...command] : command;
  return [program, args];
}

/** What stands beside the figures, since they mean nothing without it. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    haproxy: tryProgram('haproxy', '-v')?.match(/version (\S+)/)?.[1],
    postfix: tryProgram('postconf', '-dh', 'mail_version'),
    pinned: canPin,
    /** Programs that wanted a core in the minute before; anything near 1 spoils the figures. */
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** @typedef {ReturnType<typeof describeMachine>} Machine */

/** User and system time that a process has used in all its threads, in milliseconds. @param {number} pid */
export function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the name in parentheses, may hold spaces; user and system time are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/**
 * Memory of a process in MB: resident now (VmRSS), and at most so far (VmHWM).
 *
 * @param {number} pid
 */
export function memoryMB(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (/** @type {string} */ name) =>
    (Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))?.[1]) * 1024) / 1e6;
  return { resident: field('VmRSS'), peak: field('VmHWM') };
}
