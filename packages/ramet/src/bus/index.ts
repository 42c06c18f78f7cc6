export type { Batch, Bus, BusCapabilities, Delivery, LogSink, Missed, QueuedMessage, QueueSink, Sink, Subscription } from './bus.ts';
export { Consumer } from './consumer/consumer.ts';
export { type DeadLetter, listDeadLetters, replayDeadLetter, showDeadLetter } from './consumer/dead-letters.ts';
export type { Standstill } from './consumer/halts.ts';
export {
  type ConsumerOptions,
  DEFAULT_RETRY,
  type EventHandler,
  type EventOutcome,
  type PoisonPolicy,
  type RetryPolicy,
} from './consumer/options.ts';
export { unmetDemands } from './demands.ts';
export { type Envelope, topicOf } from './envelope.ts';
export type { BusEnvironment, BusFactory } from './factory.ts';
export { createOutbox, type Outbox, type OutboxRow, type OutboxWriter } from './source/outbox.ts';
export { BUS_TABLES } from './tables.ts';
