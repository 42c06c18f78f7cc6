export {
  type Instrument,
  type Note,
  type Span,
  type SpanContext,
  spanContext,
  type Trace,
  type Work,
  type WorkKind,
} from '../telemetry/index.ts';
export { declaredGraph, type Graph, graphOf } from './graph.ts';
export type { HomeState, ServiceHome } from './homes/home.ts';
export { type MoveServiceOptions, moveService } from './move.ts';
export type { Advertised, Runtime, StartOptions } from './options.ts';
export { run } from './run.ts';
export { start } from './runtime.ts';
export { type Load, type Profile, type Topology, topology } from './topology.ts';
