export { type PostgresBusOptions, postgresBus } from './postgres.ts';
