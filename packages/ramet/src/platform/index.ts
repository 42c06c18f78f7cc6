export { type Backoff, backoffMs, steadyBackoffMs } from './backoff.ts';
export { DAY, type Duration, durationMs, HOUR, MINUTE, SECOND } from './duration.ts';
export { hash32, newId, uuidv7 } from './ids.ts';
export { Periodic } from './periodic.ts';
export type { Clock, Crypto, Files, HttpClient, HttpRequest, Platform, ProcessFigures, Random, Timer, Timers } from './platform.ts';
export { type RealPlatformOptions, realPlatform } from './real.ts';
