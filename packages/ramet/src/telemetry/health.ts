import type { Platform } from '../platform/index.ts';
import { type EventLog, silentLog } from './log.ts';

/** Throws or rejects when the dependency does not work; the reason goes to the log. The signal aborts when the result is no longer awaited. */
export type HealthCheck = (signal: AbortSignal) => Promise<unknown> | unknown;

/** How much a check matters, and how long it may take. */
export interface HealthCheckOptions {
  /**
   * `critical`: without it the process cannot answer anything (its own store), so it takes no more requests.
   * `degrading`: without it some requests fail, and the process keeps answering the others.
   */
  readonly kind: 'critical' | 'degrading';
  readonly timeoutMs?: number;
}

/** The answer to a probe: a status and a JSON body. */
export interface Probe<Body> {
  readonly status: 200 | 503;
  readonly body: Body;
}

/** The body of `/health`. */
export interface HealthBody {
  readonly status: 'ok' | 'degraded';
  readonly timestamp: string;
  /** Seconds. */
  readonly uptime: number;
  readonly checks: Readonly<Record<string, 'healthy' | 'unhealthy'>>;
}

/** The checks of a process, and the answers to its probes. */
export interface Health {
  /** Adds a check. @returns a function that removes it */
  add(name: string, check: HealthCheck, options: HealthCheckOptions): () => void;
  /** Reports whether the process takes requests: true after the start, false as the first act of the shutdown. */
  setReady(ready: boolean, reason?: string): void;
  /**
   * Answers `/livez`: the process runs and its event loop turns. It never looks at a dependency, because the orchestrator restarts the
   * process when the answer is no. A restart does not repair a database, and restarting every instance turns its outage into ours.
   */
  live(): Probe<{ status: 'alive' }>;
  /** Answers `/readyz`: whether to send requests here. No during the start and the shutdown, and while a critical check fails. */
  ready(): Promise<Probe<{ status: 'ready' | 'not ready' }>>;
  /** Answers `/health`, for people and monitors: 503 when any check fails. */
  health(): Promise<Probe<HealthBody>>;
}

/** When the process began, and where its checks report. */
export interface HealthOptions {
  /** Monotonic time at which the process began. */
  readonly startedAtMono: number;
  readonly log?: EventLog;
}

interface Check {
  readonly name: string;
  readonly critical: boolean;
  healthy(): Promise<boolean>;
}

const TIMEOUT_MS = 1_000;
/** However many clients probe, each dependency is checked at most once in this time. */
const KEPT_MS = 1_000;
/** A check that ignores its signal delays the next one for this long, so that hanging checks do not pile up. */
const ABANDONED_MS = 30_000;

/** Makes the answers to the three probes. The reason why a check fails goes to the log and never to the client. */
export function createHealth(platform: Platform, { startedAtMono, log = silentLog }: HealthOptions): Health {
  const checks = new Map<string, Check>();
  let open = false;

  const allHealthy = async (some: readonly Check[]) => (await Promise.all(some.map((check) => check.healthy()))).every(Boolean);

  return {
    add(name, check, options) {
      if (checks.has(name)) throw new RangeError(`There is a health check '${name}' already`);
      const added = createCheck(platform, log, name, check, options);
      checks.set(name, added);
      return () => {
        if (checks.get(name) === added) checks.delete(name);
      };
    },
    setReady(ready, reason) {
      if (ready === open) return;
      open = ready;
      log.event(ready ? 'process_ready' : 'process_draining', reason === undefined ? {} : { reason });
    },
    live: () => ({ status: 200, body: { status: 'alive' } }),
    async ready() {
      const ready = open && (await allHealthy([...checks.values()].filter((check) => check.critical)));
      // It may have been closed while the checks ran.
      return ready && open ? { status: 200, body: { status: 'ready' } } : { status: 503, body: { status: 'not ready' } };
    },
    async health() {
      const results = await Promise.all([...checks.values()].map(async (check) => [check.name, await check.healthy()] as const));
      const ok = results.every(([, healthy]) => healthy);
      return {
        status: ok ? 200 : 503,
        body: {
          status: ok ? 'ok' : 'degraded',
          timestamp: new Date(platform.clock.wallNow()).toISOString(),
          uptime: Math.max(0, (platform.clock.monoNow() - startedAtMono) / 1_000),
          checks: Object.fromEntries(results.map(([name, healthy]) => [name, healthy ? 'healthy' : 'unhealthy'])),
        },
      };
    },
  };
}

function createCheck(platform: Platform, log: EventLog, name: string, check: HealthCheck, options: HealthCheckOptions): Check {
  const { kind, timeoutMs = TIMEOUT_MS } = options;
  let last: { readonly healthy: boolean; readonly atMono: number } | undefined;
  let current: Promise<boolean> | undefined;
  let unsettledSince: number | undefined;

  function conclude(healthy: boolean, reason?: unknown): boolean {
    if (!healthy && last?.healthy !== false) log.event('health_check_failed', { check: name, kind, err: reason });
    if (healthy && last?.healthy === false) log.event('health_check_recovered', { check: name, kind });
    last = { healthy, atMono: platform.clock.monoNow() };
    current = undefined;
    return healthy;
  }

  function run(): Promise<boolean> {
    const startedAt = platform.clock.monoNow();
    const abort = new AbortController();
    unsettledSince = startedAt;
    return new Promise((resolve) => {
      let settled = false;
      const settle = (healthy: boolean, reason?: unknown) => {
        if (settled) return;
        settled = true;
        timer.cancel();
        resolve(conclude(healthy, reason));
      };
      const timer = platform.timers.set(timeoutMs, () => {
        const reason = new Error(`No answer within ${timeoutMs} ms`);
        settle(false, reason);
        abort.abort(reason);
      });
      const finished = () => {
        if (unsettledSince === startedAt) unsettledSince = undefined;
      };
      call(check, abort.signal).then(
        () => {
          finished();
          settle(true);
        },
        (error) => {
          finished();
          settle(false, error);
        },
      );
    });
  }

  return {
    name,
    critical: kind === 'critical',
    healthy() {
      if (current) return current;
      const now = platform.clock.monoNow();
      if (last && now - last.atMono < KEPT_MS) return Promise.resolve(last.healthy);
      if (unsettledSince !== undefined && now - unsettledSince < ABANDONED_MS) return Promise.resolve(false);
      current = run();
      return current;
    },
  };
}

/** A check that throws at once fails like one that rejects. */
async function call(check: HealthCheck, signal: AbortSignal): Promise<void> {
  await check(signal);
}
