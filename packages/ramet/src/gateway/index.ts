export { answer } from './answer.ts';
export { canonicalPath } from './canonical-path.ts';
export { type Access, type ComposeContext, compose, expose, type GatewayDefinition, gateway, type Limit } from './gateway.ts';
export { createGateway, type GatewayHandler } from './handler.ts';
export type { Authenticator, JwtOptions } from './jwt.ts';
export type { StoreFailure } from './limit-guard.ts';
export type { LimitCounter, LimitStore, LimitStoreCapabilities, LimitStoreEnvironment, LimitStoreFactory } from './limit-store.ts';
export { createGatewayServer, type GatewayServer } from './server.ts';
export { type Site, site } from './site.ts';
