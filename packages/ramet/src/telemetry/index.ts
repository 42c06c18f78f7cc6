export { guarded, instrumentProblems } from './guarded-instrument.ts';
export {
  createHealth,
  type Health,
  type HealthBody,
  type HealthCheck,
  type HealthCheckOptions,
  type HealthOptions,
  type Probe,
} from './health.ts';
export { type Instrument, joined, NO_SPAN, type Span, silentInstrument, type Work, type WorkKind, Works } from './instrument.ts';
export {
  createLog,
  type EventLog,
  isLogLevel,
  LOG_LEVELS,
  type Log,
  type LogLevel,
  type LogOptions,
  type RootLog,
  silentLog,
} from './log.ts';
export { maskCardNumbers } from './log-mask.ts';
export { type BoundedSink, type BoundedSinkOptions, createBoundedSink, type LogWriter, standardError } from './log-sink.ts';
export { type Labels, type LabelValue, MAX_SERIES } from './metric-series.ts';
export {
  type Counter,
  createMetrics,
  DURATION_BUCKETS,
  type Histogram,
  type HistogramOptions,
  type MetricOptions,
  type Metrics,
  type MetricsOptions,
  type Observe,
  type Sample,
  type UpDownCounter,
} from './metrics.ts';
export { DELIVERED_AGAIN, metricsInstrument, SAGA_RELEASED } from './metrics-instrument.ts';
export type { CircuitState, Note } from './notes.ts';
export { type ProcessGauges, type StandardMetrics, standardMetrics } from './standard-metrics.ts';
export {
  childTraceparent,
  isCorrelationId,
  type NewTraceOptions,
  newTrace,
  newTraceparent,
  parseTraceparent,
  type SpanContext,
  spanContext,
  type Trace,
  type Traceparent,
} from './trace-context.ts';
