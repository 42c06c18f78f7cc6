export { type KafkaOptions, kafka } from './kafka.ts';
