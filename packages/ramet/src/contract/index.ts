export { canonicalInput } from './canonical-input.ts';
export { breakingChanges, type ContractShape, shapeOf } from './compatible.ts';
export {
  type CompiledContract,
  type CompiledEvent,
  type CompiledOperation,
  compileContract,
  type HttpBinding,
  shownFailure,
} from './compile.ts';
export {
  type AnyContract,
  type Contract,
  command,
  contract,
  type Data,
  type Declared,
  type ErrorsOf,
  type EventDeclaration,
  type EventRef,
  type Events,
  event,
  type Failure,
  type Failures,
  failure,
  type Http,
  type InputOf,
  type Operation,
  type OperationKind,
  type Operations,
  type OutputOf,
  query,
  type Result,
  stream,
} from './contract.ts';
export { isSecretField, mask, withoutSecrets } from './mask.ts';
export {
  type Codec,
  compileSchema,
  type Decoded,
  type In,
  type JsonSchema,
  NOTHING,
  type Out,
  type Schema,
  secret,
} from './schema.ts';
export { readEvent, upcastProblems } from './upcast.ts';
