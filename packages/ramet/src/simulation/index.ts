export type { CampaignOptions, CampaignReport, FailedSeed } from './campaign.ts';
export { simulations } from './command-line.ts';
export type { EdgeRequest, EdgeResponse } from './edge.ts';
export { SimulationEscape } from './escape.ts';
export {
  type Invariant,
  invariant,
  type RunResult,
  type Simulated,
  type Simulation,
  type SimulationOptions,
  type Violation,
} from './face.ts';
export { FAULT_KINDS, FAULTS, type FaultKind, type Fired, type Intensities } from './faults.ts';
export type { Double, OutsideAnswer, OutsideRequest } from './outside.ts';
export { assertKept, formatFailure } from './report.ts';
export { replay, simulate } from './simulate.ts';
