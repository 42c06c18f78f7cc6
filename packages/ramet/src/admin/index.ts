export { type Admin, createAdmin } from './admin.ts';
export { startProbeServer } from './probes.ts';
export { type AdminServerOptions, startAdminServer } from './server.ts';
