import { type AdmittedExchange, createHttpServer, type HttpAnswer, type HttpServer, type Refused } from '../http/index.ts';
import type { Admission } from '../load/index.ts';
import type { Platform } from '../platform/index.ts';
import type { EventLog, Health, Metrics, StandardMetrics } from '../telemetry/index.ts';
import { corsHeaders, corsPreflight } from './cors.ts';
import { EventStream } from './event-stream.ts';
import type { GatewayDefinition } from './gateway.ts';
import { SHED, Shed } from './limits/shed.ts';
import { documentOf, ownAnswer } from './own-answers.ts';
import { connectionKeyReader } from './request/client-address.ts';
import type { GatewayHandler, GatewayResponse } from './request.ts';

export interface GatewayServerOptions {
  readonly platform: Platform;
  readonly definition: GatewayDefinition;
  readonly handler: GatewayHandler;
  /** Decides what the process begins; one for all that share its event loop. */
  readonly admission: Admission;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly standard: StandardMetrics;
  readonly log: EventLog;
}

/** Where a gateway is served; its streams end at once when it drains, in order, so that clients follow them elsewhere. */
export type GatewayServer = HttpServer;

/** The HTTP server of a gateway: routing, authentication and limits all look at the one canonical request that the gate made. */
export function createGatewayServer(options: GatewayServerOptions): GatewayServer {
  const { platform, definition, handler, log, standard } = options;
  const streams = new Set<EventStream>();
  const { name: gateway } = definition;
  const shed = new Shed({
    ...{ platform, log, gateway, admission: options.admission },
    onShed: (priority) => standard.requestsShed.add(1, { gateway, priority }),
  });
  const ownAnswers = { ...options, document: documentOf(definition, handler) };
  const endStreams = () => {
    for (const stream of streams) stream.end();
  };
  const http = createHttpServer({
    platform,
    log,
    hosts: definition.hosts,
    connections: definition.caps.connections,
    connectionsPerAddress: definition.caps.connectionsPerAddress,
    addressKey: connectionKeyReader(definition.trustedProxies),
    answer,
    onRefused,
  });

  async function answer(exchange: AdmittedExchange): Promise<HttpAnswer> {
    const response = await respond(exchange);
    const { method } = exchange.gated;
    const { route, status, correlationId } = response;
    const seconds = (platform.clock.monoNow() - exchange.startedMono) / 1_000;
    standard.httpRequestDuration.record(seconds, { method, route, status_code: String(status) });
    if (route !== SHED)
      log.event(status >= 500 ? 'request_failed' : 'request_answered', {
        method,
        route,
        status,
        ms: Math.round(seconds * 1e6) / 1e3,
        correlationId,
      });
    const headers = { ...response.headers, 'x-correlation-id': correlationId };
    if ('body' in response) return { status, headers, body: response.body };
    const stream = new EventStream(platform, response.events, exchange.canceller);
    streams.add(stream);
    exchange.onClosed(() => streams.delete(stream));
    return { status, headers, lines: stream.lines((error) => log.event('stream_failed', { err: error, correlationId })) };
  }

  async function respond(exchange: AdmittedExchange): Promise<GatewayResponse> {
    const { gated } = exchange;
    const own = (await ownAnswer(ownAnswers, gated)) ?? corsPreflight(platform, definition, gated);
    if (own) return own;
    const response = await admitted(exchange);
    if (definition.origins.length === 0) return response;
    const cors = corsHeaders(definition, gated);
    const vary = [cors['vary'], response.headers['vary']].filter((names) => names !== undefined).join(', ');
    return { ...response, headers: { ...cors, ...response.headers, vary } };
  }

  /** A request is looked at only when there is time for it; its place is free again when its answer is known. */
  async function admitted(exchange: AdmittedExchange): Promise<GatewayResponse> {
    const { gated, canceller } = exchange;
    const entered = shed.enter(gated.method, () => canceller.cancelled);
    const place = entered instanceof Promise ? await entered : entered;
    if (!place) return shed.refused(gated.method, gated.headers);
    try {
      return await handler.handle({
        method: gated.method,
        segments: gated.segments,
        rawQuery: gated.rawQuery,
        headers: gated.headers,
        socketAddress: exchange.socketAddress,
        body: () => exchange.body(),
        cancellation: canceller,
      });
    } finally {
      place.leave();
    }
  }

  function onRefused({ status, reason, method, ...more }: Refused): void {
    standard.httpRefused.add(1, { gateway: definition.name, reason });
    if (status !== 0) standard.httpRequestDuration.record(0, { method, route: '(refused)', status_code: String(status) });
    // The one that operators must look at: it may refuse every client behind a proxy.
    const event = reason === 'TooManyConnections' ? 'connection_refused' : 'request_refused';
    log.event(event, { gateway: definition.name, status, reason, method, ...more });
  }

  return {
    async listen(port, host) {
      await handler.prepare();
      return http.listen(port, host);
    },
    async drain(elsewhere) {
      endStreams();
      await http.drain(elsewhere);
      endStreams();
    },
    get inFlight() {
      return http.inFlight;
    },
    close: () => http.close(),
  };
}
