import { RametError } from '../../errors/index.ts';
import type { AdmittedExchange } from '../../http/index.ts';
import type { Admission, Place, RequestPriority } from '../../load/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import type { Canceller } from '../../rpc/index.ts';
import { type EventLog, newTrace } from '../../telemetry/index.ts';
import { type GatewayResponse, refusal } from '../response.ts';

/** The route, in metrics, of a request that was refused before its route was looked up. */
export const SHED = '(shed)';

/** What {@link Shed} needs. */
export interface ShedOptions {
  readonly platform: Platform;
  readonly log: EventLog;
  readonly gateway: string;
  readonly admission: Admission;
  readonly onShed: (priority: RequestPriority) => void;
}

/** Admits requests, or refuses them. A refusal costs next to nothing, so that the process has time for the other requests. */
export class Shed {
  readonly #options: ShedOptions;
  readonly #overloaded = new RametError('Overloaded', 'The process has more requests than it can answer in time', {
    retryAfterMs: SECOND,
  });
  #unreported = 0;

  constructor(options: ShedOptions) {
    this.#options = options;
  }

  /**
   * Takes a place for a request.
   * @returns a place, or where the request waits a promise: of a place, or of undefined where it is refused
   */
  enter(method: string, canceller: Canceller): Place | Promise<Place | undefined> {
    const entered = this.#options.admission.enter(priorityOf(method), () => canceller.cancelled);
    return entered instanceof Promise ? unlessCancelled(entered, canceller) : entered;
  }

  /** Makes the answer to a request that was not admitted. */
  refused({ gated: { method, headers }, canceller }: AdmittedExchange): GatewayResponse {
    const { platform, onShed } = this.#options;
    const trace = newTrace(platform, { correlationId: headers.get('x-correlation-id') });
    if (canceller.cancelled) return refusal(canceller.signal.reason, trace, SHED);
    onShed(priorityOf(method));
    // A line for each would cost as much as the refusal.
    if (this.#unreported++ === 0) platform.timers.set(SECOND, () => this.#report());
    return refusal(this.#overloaded, trace, SHED);
  }

  #report(): void {
    const { log, gateway, admission } = this.#options;
    log.event('requests_shed', { gateway, refused: this.#unreported, limit: admission.limit, waiting: admission.waiting });
    this.#unreported = 0;
  }
}

/** A request that is cancelled while it waits is refused at once: a process that closes does not wait for the line to move. */
function unlessCancelled(entered: Promise<Place | undefined>, canceller: Canceller): Promise<Place | undefined> {
  return new Promise((resolve) => {
    const refuse = () => resolve(undefined);
    canceller.follow(refuse);
    void entered.then((place) => {
      canceller.unfollow(refuse);
      // A place that was granted in the moment of the cancellation has no request to hold it.
      if (canceller.cancelled) place?.leave();
      resolve(canceller.cancelled ? undefined : place);
    });
  });
}

/** The method says enough: a client can repeat a request that only reads. */
const priorityOf = (method: string): RequestPriority => (method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 'read' : 'write');
