export { CONSUL_CAPABILITIES, type ConsulOptions, consul } from './consul.ts';
