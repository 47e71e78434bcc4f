/**
 * What "bounded" means: at rest after the load no more is open than before it, and under load the last quarter of the
 * time takes hardly more memory, and keeps the event loop hardly longer, than the second. The first is for warming up.
 */

/** What the daemon has open while nobody wants anything of it. */
export interface Rest {
  readonly rssBytes: number;
  readonly descriptors: number;
  /** Of Node: sockets, timers, requests. */
  readonly resources: number;
}

/** Under load, since the sample before. */
export interface Sample {
  readonly rssBytes: number;
  /** Of the event loop, the 99th percentile. */
  readonly delayMs: number;
}

/** A watcher more or less, a connection that is about to close. */
const descriptorsMore = 4;
const resourcesMore = 10;
const memoryGrowth = 1.1;
/** A heap is collected when there is a need. */
const memoryMoreBytes = 16 * 2 ** 20;
const delayGrowth = 2;
const delayMoreMs = 20;

/** In words, for whoever reads the figures. */
export const criterion =
  `at rest at most ${descriptorsMore} descriptors and ${resourcesMore} resources more than before; under load, by ` +
  `the medians of last and second quarter, at most ${Math.round(memoryGrowth * 100 - 100)}% + ` +
  `${memoryMoreBytes / 2 ** 20} MiB more memory, and ${delayGrowth} times + ${delayMoreMs} ms the delay`;

/** Each says what has grown. */
export function findGrowth(before: Rest, after: Rest, samples: readonly Sample[]): string[] {
  const [second, last] = [quarter(samples, 1), quarter(samples, 3)];
  const faults: string[] = [];
  const check = (what: string, from: number, to: number, most: number) => {
    if (!(to <= most)) faults.push(`${what} went from ${from} to ${to}, and ${most} is the most it may`);
  };
  check('descriptors at rest', before.descriptors, after.descriptors, before.descriptors + descriptorsMore);
  check('resources at rest', before.resources, after.resources, before.resources + resourcesMore);
  check(
    'bytes of memory under load',
    second.rssBytes,
    last.rssBytes,
    Math.round(second.rssBytes * memoryGrowth + memoryMoreBytes),
  );
  check('ms of event-loop delay', second.delayMs, last.delayMs, second.delayMs * delayGrowth + delayMoreMs);
  return faults;
}

/** The medians of a quarter, the first being 0. */
export function quarter(samples: readonly Sample[], which: 0 | 1 | 2 | 3): Sample {
  const length = samples.length / 4;
  const part = samples.slice(Math.floor(which * length), Math.floor((which + 1) * length));
  return {
    rssBytes: median(part.map(({ rssBytes }) => rssBytes)),
    delayMs: median(part.map(({ delayMs }) => delayMs)),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN;
}
