export { type Admin, createAdmin } from './admin.ts';
export { hostOf, operatorsDispatcher, operatorsOf } from './operators.ts';
export { startProbeServer } from './probes.ts';
export { type AdminServerOptions, startAdminServer } from './server.ts';
export { serviceRoutes } from './service-routes.ts';
