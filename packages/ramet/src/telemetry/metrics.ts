import type { Attributes, Meter } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { DataPointType, MeterProvider, type MetricData, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { type Labels, SeriesTable } from './metric-series.ts';
import { Tallies } from './tallies.ts';

/** How a metric is described to its readers. */
export interface MetricOptions {
  readonly description: string;
  readonly unit?: string;
}

/** How a histogram is described and divided. */
export interface HistogramOptions extends MetricOptions {
  /** Upper bounds, ascending. */
  readonly buckets?: readonly number[];
}

/** Only goes up. Anything but a finite number from 0 is ignored, because it would spoil the sum for good. */
export interface Counter<Name extends string = string> {
  add(count: number, labels?: Labels<Name>): void;
}

/** Goes up and down. Anything but a finite number is ignored. */
export interface UpDownCounter<Name extends string = string> {
  add(change: number, labels?: Labels<Name>): void;
}

/** Counts values by size. Anything but a finite number from 0 is ignored. */
export interface Histogram<Name extends string = string> {
  record(value: number, labels?: Labels<Name>): void;
}

/** One series of a gauge, as it was observed. */
export interface Sample<Name extends string = string> {
  readonly value: number;
  readonly labels: Labels<Name>;
}

/** Called at every rendering. A series that it does not return then is not shown: a gauge never shows an old value. */
export type Observe<Name extends string = string> = () => Observation<Name> | Promise<Observation<Name>>;
type Observation<Name extends string> = number | readonly Sample<Name>[];

/**
 * Instruments by name. The same name returns the same instrument, so code may look one up where it uses it. Names appear exactly as
 * given; a name that Prometheus would change is refused.
 */
export interface Metrics {
  /** The name ends in `_total`. */
  counter<Name extends string = string>(name: string, options: MetricOptions): Counter<Name>;
  upDownCounter<Name extends string = string>(name: string, options: MetricOptions): UpDownCounter<Name>;
  histogram<Name extends string = string>(name: string, options: HistogramOptions): Histogram<Name>;
  /** Adds an observer: several may observe one gauge, each its own labels. @returns what removes this observer */
  gauge<Name extends string = string>(name: string, options: MetricOptions, observe: Observe<Name>): () => void;
  /** Renders everything in the text format of Prometheus (`text/plain; version=0.0.4`). */
  render(): Promise<string>;
  shutdown(): Promise<void>;
}

/** The process that the metrics belong to. */
export interface MetricsOptions {
  readonly service: string;
  readonly version: string;
  readonly env: string;
  /** Called with what observers of gauges throw; the other metrics are rendered anyway. */
  readonly onError?: (error: unknown) => void;
}

/** Seconds; the buckets that users expect of `http_request_duration_seconds`. */
export const DURATION_BUCKETS: readonly number[] = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** How long an observer of a gauge may take before its series are omitted. */
const OBSERVE_MS = 1_000;
const NOTHING: ReadonlySet<Attributes> = new Set();

type Kind = 'counter' | 'upDownCounter' | 'histogram' | 'gauge';

interface Registered {
  readonly kind: Kind;
  readonly shape: string;
  readonly instrument: unknown;
}

interface Gauge {
  readonly observers: Observe[];
  /** The observation under way or last made; an older one that arrives late does not count. */
  run: ReadonlySet<Attributes>;
  shown: ReadonlySet<Attributes>;
}

/** Returns its metrics on demand, without the HTTP server of the exporter's own reader. */
class ScrapeReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** Makes a set of metrics that shares nothing with any other: no global provider is registered. */
export function createMetrics({ service, version, env, onError = () => {} }: MetricsOptions): Metrics {
  const tallies = new Tallies();
  const reader = new ScrapeReader();
  const provider = new MeterProvider({ readers: [reader] });
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const names = new Names();
  const gauges = new Gauges(provider.getMeter('ramet'), onError);
  let rendering: Promise<string> | undefined;
  let closed = false;

  async function collect(): Promise<string> {
    const { resourceMetrics, errors } = await reader.collect({ timeoutMillis: OBSERVE_MS });
    for (const error of errors) onError(error);
    const { resource, scopeMetrics } = gauges.withoutStale(resourceMetrics);
    return `${serializer.serialize({ resource, scopeMetrics: [...scopeMetrics, tallies.collect()] }).trimEnd()}\n`;
  }

  const metrics: Metrics = {
    ...tallied(tallies, names),
    gauge(name, options, observe) {
      const { observers } = names.once('gauge', name, options, () => gauges.make(name, options));
      observers.push(observe as Observe);
      return () => {
        const index = observers.indexOf(observe as Observe);
        if (index !== -1) observers.splice(index, 1);
      };
    },
    render() {
      if (closed) return Promise.resolve('');
      // Two renderings at once would call every observer twice, and each would discard what the other had observed.
      rendering ??= collect().finally(() => {
        rendering = undefined;
      });
      return rendering;
    },
    async shutdown() {
      if (closed) return;
      closed = true;
      await provider.shutdown();
    },
  };
  metrics.gauge('ramet_build_info', { description: 'What runs here' }, () => [{ value: 1, labels: { service, version, env } }]);
  return metrics;
}

/** The instruments by name: a second look-up of a name returns the same one. */
class Names {
  readonly #registered = new Map<string, Registered>();

  /** @throws RangeError when the name cannot be used, or is that of another kind of metric */
  once<T>(kind: Kind, name: string, { unit = '', buckets }: HistogramOptions, make: () => T): T {
    const shape = `${kind} ${unit} ${buckets?.join(' ') ?? ''}`;
    const known = this.#registered.get(name);
    if (known) {
      if (known.shape !== shape) throw new RangeError(`The metric '${name}' exists already as another kind, unit or buckets`);
      return known.instrument as T;
    }
    checkName(kind, name);
    const instrument = make();
    this.#registered.set(name, { kind, shape, instrument });
    return instrument;
  }
}

/** Counters and histograms, whose counts are kept here. */
function tallied(tallies: Tallies, names: Names): Pick<Metrics, 'counter' | 'upDownCounter' | 'histogram'> {
  const isCount = (value: number) => value >= 0 && value < Number.POSITIVE_INFINITY;
  return {
    counter: (name, options) =>
      names.once('counter', name, options, () => {
        const add = tallies.sum(name, options, { isMonotonic: true });
        const series = new SeriesTable(name);
        return { add: (count, labels) => void (isCount(count) && add(count, series.of(labels))) };
      }),
    upDownCounter: (name, options) =>
      names.once('upDownCounter', name, options, () => {
        const add = tallies.sum(name, options, { isMonotonic: false });
        const series = new SeriesTable(name);
        return { add: (change, labels) => void (Number.isFinite(change) && add(change, series.of(labels))) };
      }),
    histogram: (name, options) =>
      names.once('histogram', name, options, () => {
        const record = tallies.histogram(name, options, options.buckets ?? DURATION_BUCKETS);
        const series = new SeriesTable(name);
        return { record: (value, labels) => void (isCount(value) && record(value, series.of(labels))) };
      }),
  };
}

/** The gauges, which the SDK observes when it is scraped. */
class Gauges {
  readonly #meter: Meter;
  readonly #onError: (error: unknown) => void;
  readonly #gauges = new Map<string, Gauge>();

  constructor(meter: Meter, onError: (error: unknown) => void) {
    this.#meter = meter;
    this.#onError = onError;
  }

  make(name: string, options: MetricOptions): Gauge {
    const gauge: Gauge = { observers: [], run: NOTHING, shown: NOTHING };
    const series = new SeriesTable(name);
    this.#meter.createObservableGauge(name, options).addCallback(async (result) => {
      const seen = new Set<Attributes>();
      gauge.run = seen;
      gauge.shown = NOTHING;
      const observe = async (observer: Observe) => {
        const observation = await observer();
        const samples = typeof observation === 'number' ? [{ value: observation, labels: {} }] : observation;
        for (const { value, labels } of samples) {
          const attributes = series.of(labels);
          seen.add(attributes);
          result.observe(value, attributes);
        }
      };
      const outcomes = await Promise.allSettled(gauge.observers.map(observe));
      for (const outcome of outcomes) if (outcome.status === 'rejected') this.#onError(outcome.reason);
      // Only now: the SDK discards an observation that ran out of time.
      if (gauge.run === seen) gauge.shown = seen;
    });
    this.#gauges.set(name, gauge);
    return gauge;
  }

  /** The SDK repeats what a gauge once showed until the end of the process; only what was observed this time is true. */
  withoutStale(resourceMetrics: ResourceMetrics): ResourceMetrics {
    const fresh = (metric: MetricData): MetricData => {
      const gauge = metric.dataPointType === DataPointType.GAUGE ? this.#gauges.get(metric.descriptor.name) : undefined;
      if (!gauge) return metric;
      return { ...metric, dataPoints: metric.dataPoints.filter((point) => gauge.shown.has(point.attributes)) } as MetricData;
    };
    return {
      ...resourceMetrics,
      scopeMetrics: resourceMetrics.scopeMetrics.map((scope) => ({ ...scope, metrics: scope.metrics.map(fresh) })),
    };
  }
}

function checkName(kind: Kind, name: string): void {
  if (!/^[a-zA-Z][a-zA-Z0-9]*(_[a-zA-Z0-9]+)*$/.test(name)) {
    throw new RangeError(`'${name}' is not a name for a metric: use letters, digits and single underscores, as in 'orders_placed_total'`);
  }
  if (kind === 'counter' && !name.endsWith('_total')) {
    throw new RangeError(`The name of a counter ends in _total: call it '${name}_total'`);
  }
}
