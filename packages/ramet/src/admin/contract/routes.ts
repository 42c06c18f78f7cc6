import { z } from 'zod';
import {
  Call,
  DeadLetter,
  GivenUp,
  Health,
  SAGA_STATES,
  SagaAction,
  SagaDetail,
  SagaSummary,
  Schedule,
  Service,
  Subscription,
} from './model.ts';
import { type Frozen, list, route } from './route.ts';

/** Everything that operators can ask of a process and do to it: the one model of the server, the command line and the console. */
export const ADMIN_ROUTES = {
  health: route('GET', '/health', { summary: 'Whether this process and what it depends on work', output: Health }),
  services: list('/services', {
    summary: 'The services, what they call, and what they react to',
    item: Service,
    byName: ({ name }) => [name],
  }),
  sagas: list('/sagas', {
    summary: 'The sagas, newest first',
    filters: {
      state: z.enum(SAGA_STATES),
      attention: z.literal('true').meta({ description: 'Only the sagas that need an operator' }),
    },
    item: SagaSummary,
    newestFirst: ({ startedAt, sagaId }) => [startedAt, sagaId],
  }),
  saga: route('GET', '/sagas/:id', { summary: 'One saga with its steps and its log', about: 'saga', output: SagaDetail }),
  actOnSaga: route('POST', '/sagas/:id/actions', {
    summary: 'Retries, resolves, skips, compensates or cancels',
    about: 'saga',
    body: SagaAction,
    output: SagaDetail,
  }),
  subscriptions: list('/subscriptions', {
    summary: 'The subscriptions, and the events at which they are halted',
    item: Subscription,
    byName: ({ subscription }) => [subscription],
  }),
  schedules: list('/schedules', {
    summary: 'The schedules, their next run and how the last one ended',
    item: Schedule,
    byName: ({ service, name }) => [service, name],
  }),
  deadLetters: list('/dead-letters', {
    summary: 'The events that a subscriber could not handle, newest first',
    item: DeadLetter,
    newestFirst: ({ lastFailedAt, id }) => [lastFailedAt, id],
  }),
  deadLetter: route('GET', '/dead-letters/:id', { summary: 'One dead letter', about: 'dead letter', output: DeadLetter }),
  replayDeadLetter: route('POST', '/dead-letters/:id/replay', {
    summary: 'Handles the event again, then the events that wait behind it',
    about: 'dead letter',
    output: z.object({ subscriber: z.string() }),
  }),
  discardDeadLetter: route('POST', '/dead-letters/:id/discard', {
    summary: 'Skips the event for good, and handles the events that wait behind it',
    about: 'dead letter',
    output: z.object({ subscriber: z.string() }),
  }),
  givenUp: list('/given-up', {
    summary: 'The sent commands and schedules that ended the process at each of their starts, newest first',
    item: GivenUp,
    newestFirst: ({ givenUpAt, id }) => [givenUpAt, id],
  }),
  retryGivenUp: route('POST', '/given-up/:id/retry', {
    summary: 'Makes given-up work due again, with all of its starts',
    about: 'given-up work',
    output: z.object({ service: z.string(), id: z.string() }),
  }),
  call: route('POST', '/call', {
    summary: 'Calls an operation of a service, as an operator',
    body: Call,
    output: z.object({ value: z.unknown() }),
  }),
} as const;

/** The routes by method and path, as `GET /sagas/:id`. */
export type AdminRoutes = {
  readonly [K in keyof typeof ADMIN_ROUTES as `${(typeof ADMIN_ROUTES)[K]['method']} ${(typeof ADMIN_ROUTES)[K]['path']}`]: (typeof ADMIN_ROUTES)[K];
};

/** The answer of a route, as `AdminAnswer<'GET /sagas/:id'>`. */
export type AdminAnswer<Name extends keyof AdminRoutes> = Frozen<z.infer<AdminRoutes[Name]['output']>>;

/** An item of a list, as `AdminItem<'GET /sagas'>`. */
export type AdminItem<Name extends keyof AdminRoutes> =
  AdminAnswer<Name> extends { readonly items: readonly (infer Item)[] } ? Item : never;

/** The query parameters of a route. */
export type AdminQuery<Name extends keyof AdminRoutes> = {
  readonly [K in keyof AdminRoutes[Name]['filters']]?: AdminRoutes[Name]['filters'][K] extends z.ZodType<infer Text> ? Text : never;
};

/** The body of a route; undefined where it takes none. */
export type AdminBody<Name extends keyof AdminRoutes> = AdminRoutes[Name]['body'] extends z.ZodType<infer Body> ? Frozen<Body> : undefined;
