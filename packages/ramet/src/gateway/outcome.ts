import { mask } from '../contract/index.ts';
import { DeclaredError, RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { type CallOptions, type CallOrigin, type Canceller, unwrap } from '../rpc/index.ts';
import type { Caller } from '../security/index.ts';
import type { Trace } from '../telemetry/index.ts';
import { answerProblem, CustomAnswer } from './answer.ts';
import type { GatewayEnvironment } from './environment.ts';
import type { OpenStreams } from './limits/open-streams.ts';
import type { CanonicalRequest } from './request/canonical-request.ts';
import { preferredWaitMs } from './request/headers.ts';
import type { GatewayResponse } from './response.ts';
import type { ComposedRoute, GatewayRoute, OperationRoute } from './routes.ts';

/** A request that may run: only its outcome is open. */
export interface Admitted {
  readonly route: GatewayRoute;
  readonly request: CanonicalRequest;
  readonly caller: Caller;
  /** The name under which the client is counted. */
  readonly principal: string;
  readonly trace: Trace;
  readonly key: string | undefined;
  readonly input: unknown;
  /** The headers that tell the client its limits. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A request without an answer fails after this time, even if its route still runs. */
const REQUEST_TIMEOUT_MS = 35_000;
/** A stream without an event for this long begins anyway, so that its client knows that it is open. */
const FIRST_WORD_MS = 10_000;
const EVENT_STREAM = 'text/event-stream; charset=utf-8';

/** Runs the route of a request. @throws the error of the route; RametError DeadlineExceeded when the route takes too long */
export async function outcomeOf(environment: GatewayEnvironment, streams: OpenStreams, admitted: Admitted): Promise<GatewayResponse> {
  const { platform } = environment;
  const { route, request, key, input, trace } = admitted;
  const base: SharedParts = { headers: { ...admitted.headers }, route: route.pattern, correlationId: trace.correlationId };
  const origin = originOf(platform, admitted);
  if (route.kind === 'stream') {
    // A HEAD gets the head of the answer to a GET, and must not open a stream for it.
    if (request.method === 'HEAD') return { ...base, status: 200, headers: { ...base.headers, 'content-type': EVENT_STREAM }, body: '' };
    const release = streams.take(admitted.principal, request.cancellation);
    try {
      const events = await opened(platform, route, input, origin, release);
      return { ...base, status: 200, headers: { ...base.headers, 'content-type': EVENT_STREAM, 'x-accel-buffering': 'no' }, events };
    } catch (error) {
      release();
      throw error;
    }
  }
  if (route.kind !== 'compose') {
    const options: CallOptions = key === undefined ? {} : { key };
    return json(base, route.status, unwrap(await route.edge.call(route.compiled.operation, input, origin, options)));
  }
  const value = await inTime(platform, request.cancellation, route.pattern, composedAnswer(environment, route, admitted, origin));
  if (!(value instanceof CustomAnswer)) return json(base, route.status, value);
  const problem = answerProblem(value);
  if (problem !== undefined) throw new RametError('InvalidOutput', `The answer of '${route.pattern}' cannot be sent: ${problem}`);
  const own = Object.entries(value.headers).map(([name, text]) => [name.toLowerCase(), text] as const);
  return { ...base, status: value.status, headers: { ...base.headers, ...Object.fromEntries(own) }, body: value.body };
}

type SharedParts = Omit<GatewayResponse, 'status' | 'body' | 'events'>;

function originOf(platform: Platform, { request, caller, trace }: Admitted): CallOrigin {
  const startedMono = platform.clock.monoNow();
  return {
    meta: { caller, trace, depth: 0 },
    remainingMs: () => REQUEST_TIMEOUT_MS - (platform.clock.monoNow() - startedMono),
    get signal() {
      return request.cancellation.signal;
    },
    cancellation: request.cancellation,
  };
}

/** A composed route may wait for anything, but its client waits no longer than {@link REQUEST_TIMEOUT_MS}. */
function inTime<T>(platform: Platform, cancellation: Canceller, pattern: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = platform.timers.set(REQUEST_TIMEOUT_MS, () => {
      const late = new RametError('DeadlineExceeded', `'${pattern}' did not answer within ${REQUEST_TIMEOUT_MS} ms`);
      reject(late);
      cancellation.cancel(late);
    });
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

function json(base: SharedParts, status: number, value: unknown): GatewayResponse {
  if (value === undefined || status === 204) return { ...base, status: status === 200 ? 204 : status, body: '' };
  return { ...base, status, headers: { ...base.headers, 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) };
}

async function composedAnswer(
  environment: GatewayEnvironment,
  route: ComposedRoute,
  { request, key, input }: Admitted,
  origin: CallOrigin,
): Promise<unknown> {
  const fail: Record<string, (data: unknown) => Error> = {};
  for (const [name, { status, data: codec }] of route.errors) {
    fail[name] = (data) => {
      const decoded = codec.decode(data);
      return decoded.ok
        ? new DeclaredError(name, status, decoded.value, mask(decoded.value, codec.shapes))
        : new RametError('InvalidOutput', `The data of failure '${name}' does not fit its schema`, { issues: decoded.issues });
    };
  }
  const value = await route.composed.run(input, {
    caller: origin.meta.caller,
    use: route.clients(origin) as never,
    log: environment.log.forHandler({ correlationId: origin.meta.trace.correlationId, route: route.pattern }),
    get signal() {
      return request.cancellation.signal;
    },
    crypto: environment.platform.crypto,
    key,
    waitMs: preferredWaitMs(request.headers.get('prefer')),
    fail,
  });
  if (value instanceof CustomAnswer || !route.output) return value;
  const decoded = route.output.decode(value);
  if (!decoded.ok)
    throw new RametError('InvalidOutput', `The answer of '${route.pattern}' does not fit its schema`, { issues: decoded.issues });
  return decoded.value;
}

/**
 * Opens a stream and waits for its first event, so that a stream that fails at once answers with its problem and not with an empty
 * success.
 * @param ended called when the stream has ended
 */
async function opened(
  platform: Platform,
  route: OperationRoute,
  input: unknown,
  origin: CallOrigin,
  ended: () => void,
): Promise<AsyncIterable<unknown>> {
  const stream = route.edge.stream(route.compiled.operation, input, origin);
  const first = stream.next();
  await new Promise<void>((resolve, reject) => {
    const timer = platform.timers.set(FIRST_WORD_MS, resolve);
    first.then(() => resolve(), reject).finally(() => timer.cancel());
  });
  return (async function* () {
    try {
      const word = await first;
      if (word.done) return;
      yield word.value;
      yield* stream;
    } finally {
      ended();
    }
  })();
}
