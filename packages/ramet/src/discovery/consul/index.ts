export { type ConsulOptions, consul } from './consul.ts';
