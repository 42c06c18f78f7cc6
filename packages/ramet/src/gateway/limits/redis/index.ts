export { type RedisLimitsOptions, redis } from './redis.ts';
