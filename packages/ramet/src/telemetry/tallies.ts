import { type Attributes, ValueType } from '@opentelemetry/api';
import { AggregationTemporality, DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';

type ScopeMetrics = ResourceMetrics['scopeMetrics'][number];

interface Described {
  readonly description: string;
  readonly unit?: string;
}

/** One series of a histogram: how many values fell into each bucket. The last bucket has no upper bound. */
interface Distribution {
  readonly counts: number[];
  sum: number;
  count: number;
}

/**
 * Counts for counters and histograms. The SDK's instruments sort and hash the labels at every measurement, which costs more than a call
 * within a process. Here one label set is one object, so a look-up by identity is enough. A scrape joins these counts with what the SDK
 * collects.
 */
export class Tallies {
  readonly #metrics: (() => MetricData | undefined)[] = [];

  /** Makes a counter. @returns adds to the sum of one label set, which must be the same object every time */
  sum(name: string, options: Described, { isMonotonic }: { isMonotonic: boolean }): (change: number, attributes: Attributes) => void {
    const sums = new Map<Attributes, { value: number }>();
    this.#metrics.push(() => {
      if (sums.size === 0) return undefined;
      const dataPoints = [...sums].map(([attributes, { value }]) => ({ ...NO_TIMES, attributes, value }));
      return { ...common(name, options), dataPointType: DataPointType.SUM, isMonotonic, dataPoints };
    });
    return (change, attributes) => {
      const sum = sums.get(attributes);
      if (sum) sum.value += change;
      else sums.set(attributes, { value: change });
    };
  }

  /** Makes a histogram. @returns records a value for one label set, which must be the same object every time */
  histogram(name: string, options: Described, bounds: readonly number[]): (value: number, attributes: Attributes) => void {
    const boundaries = [...bounds];
    const distributions = new Map<Attributes, Distribution>();
    this.#metrics.push(() => {
      if (distributions.size === 0) return undefined;
      const dataPoints = [...distributions].map(([attributes, { counts, sum, count }]) => ({
        ...NO_TIMES,
        attributes,
        value: { buckets: { boundaries, counts: [...counts] }, sum, count },
      }));
      return { ...common(name, options), dataPointType: DataPointType.HISTOGRAM, dataPoints };
    });
    return (value, attributes) => {
      let distribution = distributions.get(attributes);
      if (!distribution) {
        distribution = { counts: Array(boundaries.length + 1).fill(0), sum: 0, count: 0 };
        distributions.set(attributes, distribution);
      }
      let bucket = 0;
      while (bucket < boundaries.length && value > (boundaries[bucket] as number)) bucket++;
      distribution.counts[bucket] = (distribution.counts[bucket] as number) + 1;
      distribution.sum += value;
      distribution.count++;
    };
  }

  /** Returns the counts so far, in the SDK's form. */
  collect(): ScopeMetrics {
    return { scope: { name: 'ramet' }, metrics: this.#metrics.map((metric) => metric()).filter((metric) => metric !== undefined) };
  }
}

/** Rendered without times: the scraper knows when it scraped. */
const NO_TIMES: { startTime: [number, number]; endTime: [number, number] } = { startTime: [0, 0], endTime: [0, 0] };

const common = (name: string, { description, unit = '' }: Described) => ({
  descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
  aggregationTemporality: AggregationTemporality.CUMULATIVE,
});
