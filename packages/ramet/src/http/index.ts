export { type HttpAnswer, problemAnswer, type StreamedAnswer, type WholeAnswer } from './answers.ts';
export { canonicalPath } from './canonical-path.ts';
export { KeyedCount } from './keyed-count.ts';
export { PROBE_PATHS, probeAnswer } from './probe-paths.ts';
export type { GatedRequest } from './request-gate.ts';
export { type AdmittedExchange, createHttpServer, type HttpServer, type Refused } from './server.ts';
