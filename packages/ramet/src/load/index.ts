export { AdaptiveLimit } from './adaptive-limit.ts';
export { Admission, type Place, type RequestPriority } from './admission.ts';
export { LatencyLimit } from './latency-limit.ts';
export { type Waiting, WaitingLine } from './waiting-line.ts';
