/**
 * Completion for bash, zsh and fish, made of the program's own commands and options, so that it cannot lag behind.
 * Pure: text in, text out.
 */
import { bash } from './bash.js';
import type { DescribedCommand } from './described.js';
import { fish } from './fish.js';
import { zsh } from './zsh.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function completionFor(shell: Shell, program: DescribedCommand): string {
  return { bash, zsh, fish }[shell](program);
}
