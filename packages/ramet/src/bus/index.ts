export type { Batch, Bus, BusCapabilities, Delivery, Missed, Sink, Subscription } from './bus.ts';
export { Consumer } from './consumer/consumer.ts';
export { type DeadLetter, listDeadLetters, replayDeadLetter, showDeadLetter } from './consumer/dead-letters.ts';
export type { Standstill } from './consumer/halting.ts';
export type { ConsumerOptions, EventHandler, EventOutcome, RetryPolicy } from './consumer/options.ts';
export type { PoisonPolicy } from './consumer/parking.ts';
export { type Envelope, topicOf } from './envelope.ts';
export type { BusEnvironment, BusFactory } from './factory.ts';
export { createOutbox, type Outbox, type OutboxRow, type OutboxWriter } from './source/outbox.ts';
