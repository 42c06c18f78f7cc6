import type { Bus } from '../bus/index.ts';
import { RametError } from '../errors/index.ts';
import type { HostedService } from '../service/index.ts';

/** How many events each subscriber has still to settle. */
export async function eventLag(bus: Bus, services: readonly HostedService[]): Promise<{ value: number; labels: { subscriber: string } }[]> {
  const lags: { value: number; labels: { subscriber: string } }[] = [];
  for (const subscription of services.flatMap((hosted) => hosted.consumers)) {
    try {
      lags.push({ value: await bus.lag(subscription), labels: { subscriber: subscription.group } });
    } catch (error) {
      // A source is stopped: the lag of its subscribers is unknown, and the others are shown.
      if (!(error instanceof RametError && error.code === 'Unavailable')) throw error;
    }
  }
  return lags;
}

/** In how many partitions each subscription that may halt stands. */
export async function standstills(services: readonly HostedService[]): Promise<{ value: number; labels: { subscriber: string } }[]> {
  const halting = services.flatMap((hosted) => hosted.consumers).filter(({ poison }) => poison === 'halt');
  return Promise.all(
    halting.map(async (subscription) => ({
      value: (await subscription.standstills()).length,
      labels: { subscriber: subscription.group },
    })),
  );
}
