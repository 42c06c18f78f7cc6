export { Answer, answer } from './answer.ts';
export { type Access, type ComposeContext, compose, expose, type GatewayDefinition, gateway, type Limit } from './gateway.ts';
export { type CanonicalRequest, createGateway, type GatewayHandler, type GatewayResponse } from './handler.ts';
export { createAuthenticator, type JwtOptions } from './jwt.ts';
export { parseRate } from './rate-limit.ts';
export { createGatewayServer, type GatewayServer } from './server.ts';
