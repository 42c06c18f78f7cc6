import { embedded } from '../bus/embedded/index.ts';
import type { Bus, BusFactory, Outbox, OutboxRow, Sink } from '../bus/index.ts';
import { RametError } from '../errors/index.ts';
import type { FaultPlan } from './faults.ts';
import { logUniform } from './keyed.ts';
import type { End, Network } from './network.ts';
import type { Scheduler } from './scheduler.ts';

/** How long a reader of another process's outbox waits for the answer, in milliseconds. */
const READ_TIMEOUT_MS = 2_000;

/** Where the outbox of a service is reached now. */
export interface OutboxPlace {
  readonly host: string;
  readonly service: string;
  end(): (End & { outbox(service: string): Outbox | undefined }) | undefined;
  /** Announces appends, from whichever process they come. */
  listen(wake: () => void): () => void;
}

/**
 * Makes the bus of one simulated process. It reads its own outboxes in place and those of other processes over the network. Hints about
 * new events may be lost, and delivered events may be delivered again.
 */
export function simulatedBus(
  to: End,
  environment: { scheduler: Scheduler; network: Network; faults: FaultPlan; remote: readonly OutboxPlace[] },
): BusFactory {
  const inner = embedded({ keep: 'forever' });
  return {
    // The outboxes of other processes are attached too.
    capabilities: { ...inner.capabilities, name: 'simulated', remote: true },
    create(given) {
      const bus = inner.create(given);
      for (const place of environment.remote) bus.attach(remoteOutbox(to, place, environment));
      const wrapped: Bus = {
        capabilities: bus.capabilities,
        attach: (outbox) => bus.attach(outbox),
        consume: (subscription) =>
          bus.consume({ ...subscription, sink: redelivering(to, subscription.group, subscription.sink, environment.faults) }),
        lag: (subscription) => bus.lag(subscription),
        close: () => bus.close(),
      };
      return wrapped;
    },
  };
}

/** Delivers at least once: events may be delivered again before the events that follow them. */
function redelivering(to: End, group: string, sink: Sink, faults: FaultPlan): Sink {
  const deliver: Sink['deliver'] = async (batch) => {
    await sink.deliver(batch);
    if (batch.deliveries.length > 0 && to.alive && faults.at('redeliver', `${batch.log}>${group}`)) await sink.deliver(batch);
  };
  return new Proxy(sink, {
    get(target, name) {
      if (name === 'deliver') return deliver;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function remoteOutbox(
  to: End,
  place: OutboxPlace,
  { scheduler, network, faults }: { scheduler: Scheduler; network: Network; faults: FaultPlan },
): Outbox {
  const ask = <T>(what: string, question: (outbox: Outbox) => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const unreachable = () => reject(new RametError('Unavailable', `the outbox of '${place.service}' cannot be reached`));
      const timer = scheduler.after(READ_TIMEOUT_MS, to, `no answer ${what}`, unreachable);
      network.send<T>(
        to,
        place,
        `${place.service} ${what}`,
        async (end) => {
          const outbox = (end as ReturnType<OutboxPlace['end']>)?.outbox(place.service);
          if (!outbox) throw new RametError('Unavailable');
          return question(outbox);
        },
        (delivered) => {
          timer.cancel();
          if ('answer' in delivered) resolve(delivered.answer);
          else unreachable();
        },
      );
    });
  return {
    service: place.service,
    partitions: 1,
    read: (p, after, limit) => ask<OutboxRow[]>('outbox', (outbox) => outbox.read(p, after, limit)),
    head: (p) => ask('head', (outbox) => outbox.head(p)),
    ends: () => ask('ends', (outbox) => outbox.ends()),
    onAppend: (wake) =>
      place.listen(() => {
        const lost = faults.at('lose-wake', `${place.service}>${to.host}`);
        if (lost && lost.roll('late or lost') < 0.5) return;
        void scheduler.after(lost ? logUniform(lost.roll('how late'), 1, 5_000) : 0.3, to, `hint ${place.service}`, wake);
      }),
  };
}
