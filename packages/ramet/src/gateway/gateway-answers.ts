import type { AdmittedExchange, HttpAnswer } from '../http/index.ts';
import type { Admission } from '../load/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { EventLog, Health, Instrument, Metrics, StandardMetrics } from '../telemetry/index.ts';
import { corsHeaders, corsPreflight } from './cors.ts';
import { EventStream } from './event-stream.ts';
import type { GatewayDefinition } from './gateway.ts';
import type { GatewayHandler } from './handler.ts';
import { SHED, Shed } from './limits/shed.ts';
import { documentOf, type OwnAnswers, ownAnswer } from './own-answers.ts';
import type { GatewayResponse } from './response.ts';

/** What the server of a gateway needs. */
export interface GatewayServerOptions {
  readonly platform: Platform;
  readonly definition: GatewayDefinition;
  readonly handler: GatewayHandler;
  /** Decides which requests the process begins; one for all servers that share its event loop. */
  readonly admission: Admission;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly standard: StandardMetrics;
  readonly log: EventLog;
  readonly instrument: Instrument;
}

/** Makes the HTTP answers of a gateway: its own, the preflights of browsers, and those of its routes. */
export class GatewayAnswers {
  readonly #options: GatewayServerOptions;
  readonly #shed: Shed;
  readonly #own: OwnAnswers;
  readonly #streams = new Set<EventStream>();

  constructor(options: GatewayServerOptions) {
    const { platform, log, admission, instrument, definition, handler } = options;
    const { name: gateway } = definition;
    this.#options = options;
    this.#shed = new Shed({
      ...{ platform, log, gateway, admission },
      onShed: (priority) => instrument.note?.({ what: 'request shed', gateway, priority }),
    });
    this.#own = { ...options, document: documentOf(definition, handler.routes) };
  }

  /** Answers one request, measures it and logs it. */
  async answer(exchange: AdmittedExchange): Promise<HttpAnswer> {
    const { platform, log, standard } = this.#options;
    const response = await this.#respond(exchange);
    const { method } = exchange.gated;
    const { route, status, correlationId } = response;
    const seconds = (platform.clock.monoNow() - exchange.startedMono) / SECOND;
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
    this.#streams.add(stream);
    exchange.onClosed(() => this.#streams.delete(stream));
    return { status, headers, lines: stream.lines((error) => log.event('stream_failed', { err: error, correlationId })) };
  }

  /** Ends the open streams, in order: clients follow them in another process. */
  endStreams(): void {
    for (const stream of this.#streams) stream.end();
  }

  async #respond(exchange: AdmittedExchange): Promise<GatewayResponse> {
    const { platform, definition } = this.#options;
    const { gated } = exchange;
    const own = (await ownAnswer(this.#own, gated)) ?? corsPreflight(platform, definition, gated);
    if (own) return own;
    const response = await this.#routed(exchange);
    if (definition.origins.length === 0) return response;
    const cors = corsHeaders(definition, gated);
    const vary = [cors['vary'], response.headers['vary']].filter((names) => names !== undefined).join(', ');
    return { ...response, headers: { ...cors, ...response.headers, vary } };
  }

  /** The request gets a place before anything looks at it, and leaves the place when its answer is known. */
  async #routed(exchange: AdmittedExchange): Promise<GatewayResponse> {
    const { gated, canceller } = exchange;
    const entered = this.#shed.enter(gated.method, canceller);
    const place = entered instanceof Promise ? await entered : entered;
    if (!place) return this.#shed.refused(exchange);
    try {
      return await this.#options.handler.handle({
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
}
