export { type Admin, createAdmin } from './admin.ts';
export { type AdminServerOptions, startAdminServer } from './server.ts';
