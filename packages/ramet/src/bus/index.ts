export type { Batch, Bus, BusCapabilities, Delivery, Missed, Sink, Subscription } from './bus.ts';
export { Consumer } from './consumer.ts';
export { type DeadLetter, listDeadLetters, replayDeadLetter } from './dead-letters.ts';
export { type Envelope, topicOf } from './envelope.ts';
export type { BusEnvironment, BusFactory } from './factory.ts';
export type { Standstill } from './halting.ts';
export { createOutbox, type Outbox, type OutboxRow, type OutboxWriter } from './outbox.ts';
export type { PoisonPolicy } from './parking.ts';
export type { ConsumerOptions, EventHandler, EventOutcome, RetryPolicy } from './subscriber.ts';
