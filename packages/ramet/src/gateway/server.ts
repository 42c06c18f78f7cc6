import { createHttpServer, type HttpServer, type Refused } from '../http/index.ts';
import { GatewayAnswers, type GatewayServerOptions } from './gateway-answers.ts';
import { connectionKeyReader } from './request/client-address.ts';

/** The server of a gateway. When it drains, its streams end at once and in order, so that clients follow them elsewhere. */
export type GatewayServer = HttpServer;

/** Makes the HTTP server of a gateway. Routing, authentication and limits all see the one canonical request that the gate made. */
export function createGatewayServer(options: GatewayServerOptions): GatewayServer {
  const { platform, definition, handler, log } = options;
  const answers = new GatewayAnswers(options);
  const http = createHttpServer({
    platform,
    log,
    hosts: definition.hosts,
    connections: definition.caps.connections,
    connectionsPerAddress: definition.caps.connectionsPerAddress,
    addressKey: connectionKeyReader(definition.trustedProxies),
    answer: (exchange) => answers.answer(exchange),
    onRefused: (refused) => report(options, refused),
  });
  return {
    async listen(port, host) {
      await handler.prepare();
      return http.listen(port, host);
    },
    async drain(elsewhere) {
      answers.endStreams();
      await http.drain(elsewhere);
      answers.endStreams();
    },
    get inFlight() {
      return http.inFlight;
    },
    close: () => http.close(),
  };
}

function report({ definition, standard, log }: GatewayServerOptions, { status, reason, method, ...more }: Refused): void {
  standard.httpRefused.add(1, { gateway: definition.name, reason });
  if (status !== 0) standard.httpRequestDuration.record(0, { method, route: '(refused)', status_code: String(status) });
  // A warning: it may mean that every client behind a proxy is refused.
  const event = reason === 'TooManyConnections' ? 'connection_refused' : 'request_refused';
  log.event(event, { gateway: definition.name, status, reason, method, ...more });
}
