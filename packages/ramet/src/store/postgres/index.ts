export { type PostgresOptions, postgres } from './postgres.ts';
export { type Provisioned, type ProvisionOptions, provision } from './provision.ts';
