export { run } from './run.ts';
export { type Runtime, type StartOptions, start } from './runtime.ts';
export { type Load, type Profile, type Topology, topology } from './topology.ts';
