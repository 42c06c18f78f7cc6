export { ALERT_WORK, type Alert, type AlertSink, SagaNeedsAttention } from './alerts.ts';
export { SagaEngine, type SagaEngineOptions } from './engine.ts';
export type { SagaState } from './journal.ts';
export { awaitedEvents, keepEvent } from './kept-events.ts';
export { type OperatorAction, operate } from './operator.ts';
export { listSagas, type Masked, type Masker, type SagaDetail, type SagaRecord, type StepView, showSaga } from './record.ts';
export { LEASE_MS } from './run.ts';
export { type Invocation, type Saga, type SagaContext, type StepOptions, saga } from './saga.ts';
export { insertSaga, requestCancel, type SagaStart } from './start.ts';
