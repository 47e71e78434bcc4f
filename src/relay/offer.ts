/**
 * What EHLO offers: what the relay does itself, and those extensions that every server which the accounts submit
 * to is known to have. What a server offered last after sign-in is remembered, in this process only; of one that
 * was not seen yet counts what its provider documents, else the little that all servers have. An offer is made
 * anew only when something has changed, so EHLO costs the same for one account and for thousands.
 */
import { upstreamKey } from '../accounts/upstreams.js';
import type { Extensions } from '../protocol/smtp/client.js';
import { presets, type SmtpHost } from '../providers/index.js';
import type { AccountDirectory } from '../refresh/token-source.js';
import { sizeOffered } from './message-size.js';

/** Passed on to the upstream, so that it must have them. Those not here are not offered, whatever it has. */
const relayed = ['8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES'] as const;
type Relayed = (typeof relayed)[number];

/** For a server that nothing is known of: all of today have them, and mail with 8-bit text is everyday. */
const everyday: readonly string[] = ['8BITMIME', 'ENHANCEDSTATUSCODES'];

const documented = new Map(
  [...presets.values()].map(({ smtp, smtpExtensions }) => [smtp?.host, smtpExtensions]),
);

export interface Offer {
  /** As the lines of EHLO's reply name them, in order. */
  readonly lines: readonly string[];
  /** Of those that the upstream must have. */
  readonly relayed: ReadonlySet<string>;
}

type Server = Pick<SmtpHost, 'host' | 'port'>;

/** What servers offered when somebody signed in to them last. */
export class ExtensionMemory {
  readonly #seen = new Map<string, Extensions>();
  #version = 0;

  /** Another number after each change. */
  get version(): number {
    return this.#version;
  }

  learn(server: Server, extensions: Extensions): void {
    const key = upstreamKey(server);
    const before = this.#seen.get(key);
    this.#seen.set(key, extensions);
    if (before === undefined || summary(before) !== summary(extensions)) this.#version++;
  }

  /** Undefined for a server that was not seen yet. */
  of(server: Server): Extensions | undefined {
    return this.#seen.get(upstreamKey(server));
  }
}

export class Offers {
  readonly #directory: Pick<AccountDirectory, 'upstreams'>;
  readonly #memory: ExtensionMemory;
  readonly #mostOctets: number;
  #upstreams: readonly Server[] | undefined;
  #version = -1;
  #offer: Offer = { lines: [], relayed: new Set() };

  /** @param mostOctets of a message, by our own limit; Infinity for none */
  constructor(directory: Pick<AccountDirectory, 'upstreams'>, memory: ExtensionMemory, mostOctets: number) {
    this.#directory = directory;
    this.#memory = memory;
    this.#mostOctets = mostOctets;
  }

  /** What to offer now; the same object as long as nothing has changed. */
  current(): Offer {
    const { upstreams } = this.#directory;
    const { version } = this.#memory;
    if (upstreams === this.#upstreams && version === this.#version) return this.#offer;
    [this.#upstreams, this.#version] = [upstreams, version];
    this.#offer = this.#make(upstreams);
    return this.#offer;
  }

  #make(upstreams: readonly Server[]): Offer {
    const everyHas = (keyword: Relayed) =>
      upstreams.length === 0 ? everyday.includes(keyword) : upstreams.every((one) => this.#has(one, keyword));
    const offered = relayed.filter(everyHas);
    const size = Math.min(this.#mostOctets, this.#smallestSize(upstreams));
    return {
      lines: [
        'PIPELINING',
        // Without a number it makes no promise (RFC 1870, 4); the parameter is for us to check.
        size === Infinity ? 'SIZE' : `SIZE ${size}`,
        ...offered,
      ],
      relayed: new Set(offered),
    };
  }

  #has(server: Server, keyword: Relayed): boolean {
    const seen = this.#memory.of(server);
    if (seen !== undefined) return seen.has(keyword);
    return (documented.get(server.host.toLowerCase()) ?? everyday).includes(keyword);
  }

  /** Infinity as long as one server's number is not known: a smaller one would refuse what it may take. */
  #smallestSize(upstreams: readonly Server[]): number {
    let smallest = Infinity;
    for (const server of upstreams) {
      const size = sizeOffered(this.#memory.of(server) ?? new Map());
      if (size === undefined) return Infinity;
      smallest = Math.min(smallest, size);
    }
    return smallest;
  }
}

function summary(extensions: Extensions): string {
  return [sizeOffered(extensions), ...relayed.filter((keyword) => extensions.has(keyword))].join();
}
