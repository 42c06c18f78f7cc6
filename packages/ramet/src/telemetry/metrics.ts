import type { Attributes } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { DataPointType, MeterProvider, type MetricData, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { type Labels, SeriesTable } from './metric-series.ts';
import { Tallies } from './tallies.ts';

export interface MetricOptions {
  readonly description: string;
  readonly unit?: string;
}

export interface HistogramOptions extends MetricOptions {
  /** Upper bounds, ascending. */
  readonly buckets?: readonly number[];
}

/** Only goes up. Anything but a finite number from 0 is ignored: it would spoil the sum for ever. */
export interface Counter<Name extends string = string> {
  add(count: number, labels?: Labels<Name>): void;
}

export interface UpDownCounter<Name extends string = string> {
  add(change: number, labels?: Labels<Name>): void;
}

/** Counts values by size. Anything but a finite number from 0 is ignored. */
export interface Histogram<Name extends string = string> {
  record(value: number, labels?: Labels<Name>): void;
}

export interface Sample<Name extends string = string> {
  readonly value: number;
  readonly labels: Labels<Name>;
}

/** Asked at every rendering. What it does not name then is not shown: a gauge never shows an old value. */
export type Observe<Name extends string = string> = () => Observation<Name> | Promise<Observation<Name>>;
type Observation<Name extends string> = number | readonly Sample<Name>[];

/**
 * Instruments by name. Asking again for a name gives the same instrument, so that this may be done where it is used. Names
 * appear exactly as given; one that Prometheus would make another of is refused.
 */
export interface Metrics {
  /** The name ends in `_total`. */
  counter<Name extends string = string>(name: string, options: MetricOptions): Counter<Name>;
  upDownCounter<Name extends string = string>(name: string, options: MetricOptions): UpDownCounter<Name>;
  histogram<Name extends string = string>(name: string, options: HistogramOptions): Histogram<Name>;
  /** Several may observe one gauge, each its own labels. @returns a function that removes this observer */
  gauge<Name extends string = string>(name: string, options: MetricOptions, observe: Observe<Name>): () => void;
  /** Everything in the text format of Prometheus (`text/plain; version=0.0.4`). */
  render(): Promise<string>;
  shutdown(): Promise<void>;
}

export interface MetricsOptions {
  readonly service: string;
  readonly version: string;
  readonly env: string;
  /** Gets what observers of gauges throw; the other metrics are rendered all the same. */
  readonly onError?: (error: unknown) => void;
}

/** Seconds; the buckets that users expect of `http_request_duration_seconds`. */
export const DURATION_BUCKETS: readonly number[] = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** How long an observer of a gauge may take before it is left out. */
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
  /** The observation under way or last made; an older one that comes late does not count. */
  run: ReadonlySet<Attributes>;
  shown: ReadonlySet<Attributes>;
}

/** Hands its metrics out when asked; without the HTTP server that the exporter's own reader brings. */
class ScrapeReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** Makes a set of metrics that shares nothing with any other: no global provider is registered. */
export function createMetrics({ service, version, env, onError = () => {} }: MetricsOptions): Metrics {
  const tallies = new Tallies();
  const reader = new ScrapeReader();
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter('ramet');
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const registered = new Map<string, Registered>();
  const gauges = new Map<string, Gauge>();
  let rendering: Promise<string> | undefined;
  let closed = false;

  function once<T>(kind: Kind, name: string, { unit = '', buckets }: HistogramOptions, make: () => T): T {
    const shape = `${kind} ${unit} ${buckets?.join(' ') ?? ''}`;
    const known = registered.get(name);
    if (known) {
      if (known.shape !== shape) throw new RangeError(`The metric '${name}' exists already as another kind, unit or buckets`);
      return known.instrument as T;
    }
    checkName(kind, name);
    const instrument = make();
    registered.set(name, { kind, shape, instrument });
    return instrument;
  }

  function observed(name: string, options: MetricOptions): Gauge {
    const gauge: Gauge = { observers: [], run: NOTHING, shown: NOTHING };
    const series = new SeriesTable(name);
    meter.createObservableGauge(name, options).addCallback(async (result) => {
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
      for (const outcome of outcomes) if (outcome.status === 'rejected') onError(outcome.reason);
      // Only now: the SDK takes over nothing of an observation that ran out of time.
      if (gauge.run === seen) gauge.shown = seen;
    });
    gauges.set(name, gauge);
    return gauge;
  }

  async function collect(): Promise<string> {
    const { resourceMetrics, errors } = await reader.collect({ timeoutMillis: OBSERVE_MS });
    for (const error of errors) onError(error);
    const { resource, scopeMetrics } = withoutStale(resourceMetrics, gauges);
    return `${serializer.serialize({ resource, scopeMetrics: [...scopeMetrics, tallies.collect()] }).trimEnd()}\n`;
  }

  const metrics: Metrics = {
    counter: (name, options) =>
      once('counter', name, options, () => {
        const add = tallies.sum(name, options, { isMonotonic: true });
        const series = new SeriesTable(name);
        return {
          add(count, labels) {
            if (count >= 0 && count < Number.POSITIVE_INFINITY) add(count, series.of(labels));
          },
        };
      }),
    upDownCounter: (name, options) =>
      once('upDownCounter', name, options, () => {
        const add = tallies.sum(name, options, { isMonotonic: false });
        const series = new SeriesTable(name);
        return {
          add(change, labels) {
            if (Number.isFinite(change)) add(change, series.of(labels));
          },
        };
      }),
    histogram: (name, options) =>
      once('histogram', name, options, () => {
        const record = tallies.histogram(name, options, options.buckets ?? DURATION_BUCKETS);
        const series = new SeriesTable(name);
        return {
          record(value, labels) {
            if (value >= 0 && value < Number.POSITIVE_INFINITY) record(value, series.of(labels));
          },
        };
      }),
    gauge(name, options, observe) {
      const { observers } = once('gauge', name, options, () => observed(name, options));
      observers.push(observe as Observe);
      return () => {
        const index = observers.indexOf(observe as Observe);
        if (index !== -1) observers.splice(index, 1);
      };
    },
    render() {
      if (closed) return Promise.resolve('');
      // Two at once would ask every observer twice, and each would forget what the other had seen.
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

/** The SDK repeats what a gauge once showed until the end of the process; only what was observed this time is true. */
function withoutStale(resourceMetrics: ResourceMetrics, gauges: ReadonlyMap<string, Gauge>): ResourceMetrics {
  const fresh = (metric: MetricData): MetricData => {
    const gauge = metric.dataPointType === DataPointType.GAUGE ? gauges.get(metric.descriptor.name) : undefined;
    if (!gauge) return metric;
    return { ...metric, dataPoints: metric.dataPoints.filter((point) => gauge.shown.has(point.attributes)) } as MetricData;
  };
  return {
    ...resourceMetrics,
    scopeMetrics: resourceMetrics.scopeMetrics.map((scope) => ({ ...scope, metrics: scope.metrics.map(fresh) })),
  };
}

function checkName(kind: Kind, name: string): void {
  if (!/^[a-zA-Z][a-zA-Z0-9]*(_[a-zA-Z0-9]+)*$/.test(name)) {
    throw new RangeError(`'${name}' is no name for a metric: use letters, digits and single underscores, as in 'orders_placed_total'`);
  }
  if (kind === 'counter' && !name.endsWith('_total')) {
    throw new RangeError(`The name of a counter ends in _total: call it '${name}_total'`);
  }
}
