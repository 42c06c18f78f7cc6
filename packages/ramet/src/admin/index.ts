export { type Admin, createAdmin, serviceRoutes } from './admin.ts';
export { ADMIN_ROUTES } from './contract/index.ts';
export { hostOf, operatorsDispatcher, operatorsOf } from './fan-out.ts';
export { startProbeServer } from './probes.ts';
export { type AdminServerOptions, startAdminServer } from './server.ts';
