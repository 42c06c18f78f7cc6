/** Wakes a saga engine whose service has kept an event. */
export type OnKept = (woken: boolean) => void;

/**
 * Carries the news that an event was kept from the subscription that keeps it to the engine whose sagas wait for it. The engine is made
 * after the subscription, because it reads the progress of the subscription.
 */
export class KeptEvents {
  #onKept: OnKept = () => {};

  listen(onKept: OnKept): void {
    this.#onKept = onKept;
  }

  /** @param woken whether a saga was woken by the event */
  notify(woken: boolean): void {
    this.#onKept(woken);
  }
}
