/** A histogram of Prometheus that shows a Distribution, instead of being told each observation. */
import { Histogram, type HistogramConfiguration } from 'prom-client';
import type { Distribution } from '../core/distribution.js';

type Values = Awaited<ReturnType<Histogram['get']>>;

/** `read` gives milliseconds; shown in seconds, as is the custom. */
export function collectedHistogram(
  configuration: HistogramConfiguration<string>,
  read: () => Distribution,
): Histogram {
  return new CollectedHistogram(configuration, read);
}

class CollectedHistogram extends Histogram {
  readonly #name: string;
  readonly #read: () => Distribution;

  constructor(configuration: HistogramConfiguration<string>, read: () => Distribution) {
    super(configuration);
    this.#name = configuration.name;
    this.#read = read;
  }

  override async get(): Promise<Values> {
    const { bounds, counts, sum } = this.#read();
    let below = 0;
    const buckets = counts.map((count, index) => {
      below += count;
      const bound = bounds[index];
      const le = bound === undefined ? '+Inf' : bound / 1000;
      return { labels: { le }, value: below, metricName: `${this.#name}_bucket` };
    });
    const values = [
      ...buckets,
      { labels: {}, value: sum / 1000, metricName: `${this.#name}_sum` },
      { labels: {}, value: below, metricName: `${this.#name}_count` },
    ];
    return { ...this.#description, values };
  }

  /** What the registry asks instead of `get`, to write text, of those metrics that have it. */
  getForPromString(): Promise<Values> {
    return this.get();
  }

  get #description(): Omit<Values, 'values'> {
    const { aggregator, collect, help, name, type } = this as unknown as Values;
    return { aggregator, collect, help, name, type };
  }
}
