/**
 * How many connections there are, in all and from each address, and whether one more may come in. Whoever may not
 * gets its reply and is closed, without costing a session.
 */
import type { Socket } from 'node:net';
import type { RelayLimits } from '../config/limits.js';
import type { Reply } from '../protocol/smtp/reply.js';
import { tooManyConnections, tooManyFromOneAddress } from './limits.js';
import { wireFor } from './policy.js';

export class ConnectionGate {
  #limits: RelayLimits;
  readonly #byAddress = new Map<string, number>();
  #all = 0;

  constructor(limits: RelayLimits) {
    this.#limits = limits;
  }

  /** Other limits from now on; whoever is in stays. */
  restrict(limits: RelayLimits): void {
    this.#limits = limits;
  }

  /** Counts one in; or the reply with which it is to be turned away, and then it does not count. */
  enter(address: string): Reply | undefined {
    const { connections, connectionsPerAddress } = this.#limits;
    const fromThere = this.#byAddress.get(address) ?? 0;
    if (fromThere >= connectionsPerAddress) return tooManyFromOneAddress;
    if (this.#all >= connections) return tooManyConnections;
    this.#all++;
    this.#byAddress.set(address, fromThere + 1);
    return undefined;
  }

  /** One that came in has gone. */
  leave(address: string): void {
    this.#all--;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}

/** Says `reply` and closes, whatever the other side does; `session` is the id that the log has it under. */
export function turnAway(socket: Socket, reply: Reply, session: string): void {
  // An error that nobody listens to would end the process.
  socket.on('error', () => undefined);
  socket.end(wireFor(reply, session), () => socket.destroy());
}
