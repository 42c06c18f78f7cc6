export { type Backoff, backoffMs, steadyBackoffMs } from './backoff.ts';
export {
  DAY,
  type Duration,
  type DurationRange,
  durationMs,
  HOUR,
  isoOf,
  LAST_DATE_MS,
  MINUTE,
  SECOND,
  shown,
  waitMs,
} from './duration.ts';
export { ed25519 } from './ed25519.ts';
export { weaknessOfEd25519 } from './ed25519-point.ts';
export { hash32, newId, uuidv7 } from './ids.ts';
export { decodeJson, encodeJson, isPlainJson, JsonError } from './json.ts';
export { ATTEMPT_LEASE_MS, LEASE_MS } from './leases.ts';
export { type NamesOf, unknownNames } from './names.ts';
export { Patience, type PatienceOptions, type Wait } from './patience.ts';
export { Periodic } from './periodic.ts';
export { plainKey } from './plain-key.ts';
export type {
  Clock,
  Crypto,
  Files,
  HttpClient,
  HttpRequest,
  OutgoingRequest,
  Platform,
  ProcessFigures,
  Random,
  Signatures,
  Signer,
  Timer,
  Timers,
  Verifier,
} from './platform.ts';
export { type RealPlatformOptions, realPlatform, systemFiles } from './real.ts';
export { Settings } from './settings.ts';
export { type Revealed, type Source, sourced } from './source.ts';
export { Wakeable } from './wakeable.ts';
