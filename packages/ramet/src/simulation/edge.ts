import { RametError } from '../errors/index.ts';
import { type Authenticator, createGateway, type GatewayDefinition, type GatewayHandler } from '../gateway/index.ts';
import { canonicalPath } from '../http/index.ts';
import { Canceller } from '../rpc/index.ts';
import type { Caller } from '../security/index.ts';
import type { EventLog } from '../telemetry/index.ts';
import type { End, Network } from './network.ts';
import type { Incarnation } from './process.ts';

/** A request to a gateway, as a client sends it. */
export interface EdgeRequest {
  /** A method and a path with its query, as 'GET /api/orders?limit=2'. */
  readonly route: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** The caller (default: anonymous). */
  readonly as?: Caller;
}

/** The response: the status and the JSON of the body, if it has one; for a stream its values, after it has ended. */
export interface EdgeResponse {
  readonly status: number;
  readonly body: any;
}

/** Accepts tokens that are the caller as JSON: real signatures are verified on other threads, in an order that no seed decides. */
const authenticator: Authenticator = {
  async verify(token) {
    try {
      return JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as Caller;
    } catch {
      throw new RametError('InvalidToken');
    }
  },
};

/** Makes the gateways of a process: everything behind their sockets. */
export function gatewaysOf(
  self: Incarnation,
  hosted: Iterable<readonly [string, GatewayDefinition]>,
  log: EventLog,
): Map<string, GatewayHandler> {
  const { platform, transport } = self;
  if (!transport) return new Map();
  return new Map(
    [...hosted].map(([name, definition]) => [name, createGateway({ platform, transport, log, authenticator }, definition).handler]),
  );
}

/** How requests get to a gateway. */
export interface EdgeWay {
  readonly network: Network;
  readonly from: End;
  readonly to: { readonly host: string; end(): (End & { gateway(name: string): GatewayHandler | undefined }) | undefined };
  /** Calls `give` when the time is over. */
  readonly after: (ms: number, give: () => void) => { cancel(): void };
  readonly timeoutMs?: number;
}

/**
 * Sends a request to a gateway over the network of the simulation.
 * @throws RametError Unavailable when the connection broke, with whether anything can have been done; DeadlineExceeded after `timeoutMs`
 */
export function ask(
  { network, from, to, after, timeoutMs = 10_000 }: EdgeWay,
  gateway: string,
  { route, headers = {}, body, as }: EdgeRequest,
): Promise<EdgeResponse> {
  const [method = '', target = ''] = route.split(' ');
  const [path = '', rawQuery = ''] = target.split('?');
  const canonical = canonicalPath(path);
  if (!canonical.ok) throw new RangeError(`'${route}' is not a route: write a method and a path`);
  const sent = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  if (body !== undefined) sent.set('content-type', 'application/json');
  if (as) sent.set('authorization', `Bearer ${Buffer.from(JSON.stringify(as)).toString('base64url')}`);
  const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const timer = after(timeoutMs, () => reject(new RametError('DeadlineExceeded', `no answer to '${route}' in ${timeoutMs} ms`)));
    network.send<EdgeResponse>(
      from,
      to,
      `${gateway} ${method} /${canonical.segments.slice(0, 2).join('/')}`,
      async (end) => {
        const handler = (end as ReturnType<typeof to.end>)?.gateway(gateway);
        if (!handler) throw new RametError('Unavailable');
        const response = await handler.handle({
          ...{ method, segments: canonical.segments, rawQuery, headers: sent },
          body: async () => bytes,
          socketAddress: '192.0.2.1',
          cancellation: new Canceller(),
        });
        if ('body' in response) return { status: response.status, body: readable(response.body, response.headers['content-type'] ?? '') };
        const values: unknown[] = [];
        for await (const value of (response as { events: AsyncIterable<unknown> }).events) values.push(value);
        return { status: response.status, body: values };
      },
      (delivered) => {
        timer.cancel();
        if ('answer' in delivered) return resolve(delivered.answer);
        const executed = delivered.broken === 'before' ? 'no' : 'unknown';
        reject(new RametError('Unavailable', `the connection to '${gateway}' broke`, { executed }));
      },
    );
  });
}

function readable(body: string | Uint8Array, type: string): unknown {
  if (body.length === 0) return undefined;
  return typeof body === 'string' && /json/.test(type) ? JSON.parse(body) : body;
}
