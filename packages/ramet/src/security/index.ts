export { ANONYMOUS, type Caller, initiatorOf, serviceCaller } from './caller.ts';
