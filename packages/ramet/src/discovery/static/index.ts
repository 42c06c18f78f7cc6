export { staticAddresses } from './static.ts';
