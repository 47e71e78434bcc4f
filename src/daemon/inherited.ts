/** Descriptors that systemd, or another that does as it does, has opened for this process (sd_listen_fds(3)). */

export interface Inherited {
  /** Those that it listens on. */
  readonly sockets: readonly number[];
  /** `OpenFile=/run/systemd/journal/socket:journal`. */
  readonly journal: number | undefined;
}

/** The first descriptor behind standard input, output and error. */
const firstInherited = 3;
const journalName = 'journal';

/** @param env what is told of them is taken out, for it is not meant for what the process starts */
export function takeInherited(env: Record<string, string | undefined>): Inherited {
  const { LISTEN_FDNAMES: named = '', LISTEN_FDS: count, LISTEN_PID: meant } = env;
  for (const name of ['LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PID']) delete env[name];
  if (Number(meant) !== process.pid) return { sockets: [], journal: undefined };
  const names = named.split(':');
  const all = Array.from({ length: Number(count) || 0 }, (_, index) => firstInherited + index);
  const isJournal = (descriptor: number) => names[descriptor - firstInherited] === journalName;
  return { sockets: all.filter((one) => !isJournal(one)), journal: all.find(isJournal) };
}
