/** Which addresses may connect to a port. */
import { BlockList, isIPv4 } from 'node:net';
import type { ClientNetwork } from '../config/listener.js';

const mappedPrefix = '::ffff:';

/** Whether an address, as a socket tells it, is in one of the networks; all are when there is no list. */
export function admission(networks: readonly ClientNetwork[] | undefined): (address: string) => boolean {
  if (networks === undefined) return () => true;
  const list = new BlockList();
  for (const { address, family, prefix } of networks) list.addSubnet(address, prefix, family);
  return (address) => {
    // An IPv4 client of an IPv6 socket is an IPv4 client.
    const plain = address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : address;
    return list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  };
}
