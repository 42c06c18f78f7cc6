export { SagaNeedsAttention } from './alerts.ts';
export { SagaEngine, type SagaEngineOptions } from './engine.ts';
export { type SagaRow, type SagaState, type StepRow, sagaOf, stepOf } from './journal/journal.ts';
export { ENDED_AT_ONCE, KEEP_SAGAS_MS, PastSagas, SAGAS_ENDED } from './journal/past-sagas.ts';
export { awaitedEvents, keepEvent } from './journal/saga-mailbox.ts';
export { insertSaga, requestCancel, type SagaStart } from './journal/start.ts';
export { type OperatorAction, operate, type Resolver } from './operators/operator.ts';
export {
  hasSaga,
  listSagas,
  type Masked,
  type Masker,
  type SagaDetail,
  type SagaRecord,
  type StepView,
  showSaga,
} from './operators/record.ts';
export { slowCircuits } from './program/patience.ts';
export { asOf, type Rehearsed, rehearse } from './program/rehearse.ts';
export { type Invocation, type Saga, type SagaContext, type StepOptions, saga } from './saga.ts';
export { FENCES_KEPT, SAGA_TABLES } from './tables.ts';
