import { RametError } from '../../errors/index.ts';
import type { Admission, Place, RequestPriority } from '../../load/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import { type EventLog, newTrace } from '../../telemetry/index.ts';
import { refusal } from '../handler.ts';
import type { GatewayResponse } from '../request.ts';

/** The route, in metrics, of a request that was refused before its route was looked for. */
export const SHED = '(shed)';

export interface ShedOptions {
  readonly platform: Platform;
  readonly log: EventLog;
  readonly gateway: string;
  readonly admission: Admission;
  readonly onShed: (priority: RequestPriority) => void;
}

/** Admits requests, or refuses them. A refusal costs next to nothing, so that the others have the time. */
export class Shed {
  readonly #options: ShedOptions;
  readonly #overloaded = new RametError('Overloaded', 'the process has more requests than it can answer in time', {
    retryAfterMs: SECOND,
  });
  #unreported = 0;

  constructor(options: ShedOptions) {
    this.#options = options;
  }

  /** @param isGone whether the client has left */
  enter(method: string, isGone: () => boolean): Place | Promise<Place | undefined> {
    return this.#options.admission.enter(priorityOf(method), isGone);
  }

  /** The answer to a request that was not admitted. */
  refused(method: string, headers: ReadonlyMap<string, string>): GatewayResponse {
    const { platform, onShed } = this.#options;
    onShed(priorityOf(method));
    // A line for each would cost as much as the refusal.
    if (this.#unreported++ === 0) platform.timers.set(SECOND, () => this.#report());
    return refusal(this.#overloaded, newTrace(platform, { correlationId: headers.get('x-correlation-id') }), SHED);
  }

  #report(): void {
    const { log, gateway, admission } = this.#options;
    log.event('requests_shed', { gateway, refused: this.#unreported, limit: admission.limit, waiting: admission.waiting });
    this.#unreported = 0;
  }
}

/** The method says enough: what reads can be asked again. */
const priorityOf = (method: string): RequestPriority => (method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 'read' : 'write');
