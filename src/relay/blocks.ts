/**
 * Memory for octets on their way to a socket. What was read is only lent (see shared-buffer.ts), and a socket holds
 * on to what it could not write at once; so each part of a message is copied into a block that is used again when
 * the socket is done with it. Copying 64 KiB costs a tenth of allocating them.
 */
import type { Writable } from 'node:stream';

const blockOctets = 65_536;
/** 4 MiB; what a burst needs beyond that is left to the garbage collector. */
const mostFree = 64;

const free: Buffer[] = [];

/** Writes octets that are only valid during the call; false when `drain` is to be awaited, as `write` says. */
export function writeLent(socket: Writable, lent: Buffer): boolean {
  let hasRoom = true;
  for (let from = 0; from < lent.length; from += blockOctets) {
    const block = free.pop() ?? Buffer.allocUnsafeSlow(blockOctets);
    const octets = lent.copy(block, 0, from, from + blockOctets);
    hasRoom = socket.write(octets === blockOctets ? block : block.subarray(0, octets), () => {
      if (free.length < mostFree) free.push(block);
    });
  }
  return hasRoom;
}
