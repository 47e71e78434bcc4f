/** The TCP sockets of this process: when clients, relay and upstream are all here, what one forgets is found here. */
import { eventually } from '../../test/support/process.js';

export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

/** What is wrong when they are not as few as `before` within a while, or undefined. */
export async function leakedSockets(before: number): Promise<string | undefined> {
  try {
    await eventually('all sockets to close', () => (openSockets() <= before ? true : undefined));
    return undefined;
  } catch {
    return `${openSockets() - before} sockets are left open`;
  }
}
