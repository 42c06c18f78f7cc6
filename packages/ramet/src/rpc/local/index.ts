export { localTransport } from './local.ts';
