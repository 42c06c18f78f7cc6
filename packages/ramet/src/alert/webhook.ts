import { RametError } from '../errors/index.ts';
import { compileUses, type ExternalClient, external, type Outbound, type TransportRoutes } from '../rpc/index.ts';
import { serviceCaller } from '../security/index.ts';
import { newTrace } from '../telemetry/index.ts';

/** Alerts are repeated from their rows, so one call makes one attempt. A webhook that takes longer than the timeout is down. */
const POLICY = { timeout: '5s', retries: 0, bulkhead: 8 } as const;

/** Returns the problems of the webhook's URL. */
export function webhookProblems(url: string | undefined): string[] {
  if (url === undefined) return [];
  const parsed = URL.parse(url);
  if (parsed && /^https?:$/.test(parsed.protocol) && parsed.username === '') return [];
  return ["the alert webhook (ALERT_WEBHOOK) is not a URL that can be posted to; write one as 'https://alerts.example.com/hook'"];
}

/**
 * Makes the function that posts an alert. The webhook is an external system like any other: its calls have a time limit, a
 * bulkhead and a breaker of their own.
 * @returns posts an alert, with its id as idempotency key; throws RametError Unavailable, DeadlineExceeded, CircuitOpen, BulkheadFull
 */
export function alertPoster(url: string, transport: TransportRoutes, outbound: Outbound): (alert: unknown, id: string) => Promise<void> {
  const { origin, pathname, search } = new URL(url);
  const { platform, caller } = outbound;
  const webhook = external('alert-webhook', { url: origin, ...POLICY });
  const { uses } = compileUses(platform, transport, caller, { webhook }, outbound);
  return async (alert, id) => {
    const clients = uses.all({
      meta: { caller: serviceCaller(caller), trace: newTrace(platform, {}), depth: 0 },
      remainingMs: () => Number.POSITIVE_INFINITY,
      signal: undefined,
    });
    const { status } = await (clients['webhook'] as ExternalClient).fetch(pathname + search, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': id },
      body: JSON.stringify(alert),
    });
    if (status >= 300) throw new RametError('Unavailable', `the alert webhook answered ${status}`);
  };
}
