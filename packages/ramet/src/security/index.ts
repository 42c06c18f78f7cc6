export { ANONYMOUS, type Caller, type Initiation, initiationOf, principalOf, serviceCaller } from './caller.ts';
export { createIdentities, type IdentityOptions, type SignedIdentities, type VerifiedIdentity } from './identities.ts';
export { generateIdentityKey, type IdentityKeyPair } from './keys.ts';
export { Secret } from './secret.ts';
export { environment, files, firstOf, type SecretSource, type Secrets } from './secrets.ts';
