import { setTimeout as sleep } from 'node:timers/promises';
import { type Counter, choosePreorder, chooseReturn, deliver, LARGE, type PlannedPreorder } from './aftersales.ts';
import { type ExchangeRequest, Wire } from './exchange.ts';
import {
  type Answer,
  type Cancellation,
  type Customer,
  type Delivery,
  type Exchange,
  type History,
  idsOf,
  type Placement,
  type PreorderPlacement,
  type ReturnBody,
  type ReturnRequest,
} from './history.ts';
import type { Random } from './random.ts';
import { chooseOrder, type PlannedOrder } from './shopping.ts';

export interface WorkloadOptions {
  readonly port: number;
  readonly clients: number;
  readonly customers: number;
  readonly random: Random;
  readonly history: History;
  readonly counter: Counter;
}

const PASSWORD = 'correct horse battery staple';
/** Statuses that say "not now": the same request again is right. */
const LATER = new Set([503, 504]);
const RETRY_MS = 100;
/** The same of log-ins, of which each is counted, also one whose answer was lost. */
const TOO_MANY = 429;
const TOO_MANY_MS = 1_000;

/** Seen by the verdict in what is missing from the history. */
class Unanswered extends Error {}

/**
 * Customers who order and cancel all the time, whether or not the shop is there: each request is repeated, an order always
 * under its own key, until it is answered. Their requests and answers are recorded in the history.
 */
export class Workload implements Disposable {
  readonly #options: WorkloadOptions;
  readonly #wires: Wire[] = [];
  #keys = 0;
  #stopping = false;
  #running: Promise<PromiseSettledResult<void>[]> = Promise.resolve([]);
  #giveUpMono = Number.POSITIVE_INFINITY;
  /** Whether cards are used whose orders take long to settle. */
  slowCards = true;
  /** Whether half of the clients rest, so that a small machine has something left for processes that start. */
  gentle = false;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  start(): void {
    const { clients, customers, random } = this.#options;
    this.#running = Promise.allSettled(
      Array.from({ length: clients }, async (_, index) => {
        const name = `client ${index + 1}`;
        // A connection per request reaches places that kept connections do not: the queue of the listening socket.
        const wire = this.wire(name, index % 4 !== 3);
        // Each customer logs in once, and the token is everybody's: a login is limited, and an order is not.
        for (let number = index + 1; number <= customers; number += clients)
          await this.register(wire, `Customer ${number}`, `c${number}@torture.example`);
        await this.#shop(wire, random.fork(name), index % 2 === 1);
      }),
    );
  }

  /** Begins nothing new, and resolves when everything begun is answered, or the time is over. */
  async finish(withinMs: number): Promise<void> {
    this.#stopping = true;
    this.#giveUpMono = performance.now() + withinMs;
    for (const ended of await this.#running) if (ended.status === 'rejected' && !(ended.reason instanceof Unanswered)) throw ended.reason;
  }

  /** Reads every customer's list of orders, to the last page. */
  async view(): Promise<void> {
    const { history } = this.#options;
    const wire = this.wire('view', true);
    for (const customer of history.customers) {
      for (let cursor: string | undefined = ''; cursor !== undefined; ) {
        const path = `/api/orders?limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`;
        const answer = await this.#untilAnswered(wire, { method: 'GET', path, headers: bearer(customer) });
        const page = answer.body as { items?: { orderId: string; status: string; total: number; reason?: string }[]; next?: string };
        for (const item of page.items ?? []) history.views.push({ customer: customer.email, ...item });
        cursor = page.next;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#stopping = true;
    this.#giveUpMono = 0;
    for (const wire of this.#wires) wire.close();
  }

  /** A client with connections of its own, or with a new one for each request. */
  wire(name: string, keepAlive: boolean): Wire {
    const { port, history } = this.#options;
    const wire = new Wire({ name, port, keepAlive, record: (exchange) => history.exchanges.push(exchange) });
    this.#wires.push(wire);
    return wire;
  }

  /** Registers a customer, who logs in. */
  async register(wire: Wire, name: string, email: string): Promise<Customer> {
    // The answer may be lost with the process; the repeat then says that the address is taken, and it is ours.
    await this.#untilAnswered(wire, { method: 'POST', path: '/api/users', body: { email, password: PASSWORD, name } });
    const session = await this.#untilAnswered(wire, { method: 'POST', path: '/api/sessions', body: { email, password: PASSWORD } });
    const customer = { email, token: String((session.body as { accessToken?: string }).accessToken) };
    this.#options.history.customers.push(customer);
    return customer;
  }

  /** @param rests whether this client waits while the load is {@link gentle} */
  async #shop(wire: Wire, random: Random, rests: boolean): Promise<void> {
    const { history } = this.#options;
    while (!this.#stopping) {
      if (rests && this.gentle) {
        await sleep(RETRY_MS);
        continue;
      }
      const newcomer = history.customers.length === 0 || random.chance(0.01);
      const customer = newcomer
        ? await this.register(wire, 'Newcomer', `n${random.below(2 ** 40)}@torture.example`)
        : random.pick(history.customers);
      if (random.chance(0.15)) {
        await this.#preorder(wire, random, customer);
        continue;
      }
      // An impatient customer clicks twice at once.
      const placement = await this.order(wire, customer, chooseOrder(random, this.slowCards), random.chance(0.05) ? 2 : 1);
      const orderId = (placement.answers.at(-1)?.body as { orderId?: string } | undefined)?.orderId;
      if (orderId !== undefined) await this.#afterwards(wire, random, customer, placement, orderId);
      await sleep(random.between(0, 150));
    }
  }

  /** Places an order under a new key. @param times how often at once */
  async order(wire: Wire, customer: Customer, { kind, body }: PlannedOrder, times = 1): Promise<Placement> {
    const placement: Placement = { customer: customer.email, key: `key-${++this.#keys}`, kind, body, answers: [] };
    this.#options.history.placements.push(placement);
    const request = placing(customer, placement.key, body);
    const place = async () => void placement.answers.push(await this.#untilAnswered(wire, request));
    await Promise.all(Array.from({ length: times }, place));
    return placement;
  }

  async #afterwards(wire: Wire, random: Random, customer: Customer, placement: Placement, orderId: string): Promise<void> {
    const { history } = this.#options;
    const what = random.weighted({ cancel: 30, watch: 12, follow: 5, repeat: 6, misuse: 2, list: 4, return: 14, nothing: 27 });
    if (what === 'cancel') {
      // Most orders end within a few hundred milliseconds: that is where cancellations are interesting.
      await sleep(random.chance(0.8) ? random.between(0, 150) : random.between(0, 2_000));
      await this.#cancel(wire, random, customer, orderId);
    } else if (what === 'watch') {
      await this.#settled(wire, customer, orderId);
    } else if (what === 'follow') {
      await this.#untilAnswered(wire, { method: 'GET', path: `/api/orders/${orderId}/events`, headers: bearer(customer) });
    } else if (what === 'return') {
      // Most are confirmed by then; of one that is not, nothing can be returned.
      if (random.chance(0.8)) await this.#settled(wire, customer, orderId);
      for (let more = true; more; more = random.chance(0.4))
        await this.return(wire, customer, orderId, chooseReturn(random, placement.body), random.chance(0.1) ? 2 : 1);
    } else if (what === 'repeat') {
      placement.answers.push(await this.#untilAnswered(wire, placing(customer, placement.key, placement.body)));
    } else if (what === 'misuse') {
      const other = { ...placement.body, lines: [{ sku: placement.body.lines[0]?.sku ?? '', quantity: 7 }] };
      const answer = await this.#untilAnswered(wire, placing(customer, placement.key, other));
      history.misuses.push({ key: placement.key, answer });
    } else if (what === 'list') {
      await this.#untilAnswered(wire, { method: 'GET', path: '/api/orders?limit=20', headers: bearer(customer) });
    }
  }

  #settled(wire: Wire, customer: Customer, orderId: string): Promise<Answer> {
    return this.#untilAnswered(wire, {
      method: 'GET',
      path: `/api/orders/${orderId}`,
      headers: { ...bearer(customer), prefer: 'wait=3' },
    });
  }

  /** Returns something of an order under a new key. @param times how often at once */
  async return(wire: Wire, customer: Customer, orderId: string, body: ReturnBody, times = 1): Promise<ReturnRequest> {
    const request: ReturnRequest = { orderId, customer: customer.email, key: `key-${++this.#keys}`, body, answers: [] };
    this.#options.history.returns.push(request);
    const asked = keyed(customer, request.key, `/api/orders/${orderId}/returns`, body);
    await Promise.all(Array.from({ length: times }, async () => void request.answers.push(await this.#untilAnswered(wire, asked))));
    return request;
  }

  /** Places a pre-order under a new key. @param times how often at once */
  async preorder(wire: Wire, customer: Customer, { kind, body }: PlannedPreorder, times = 1): Promise<PreorderPlacement> {
    const key = `key-${++this.#keys}`;
    const placement: PreorderPlacement = { customer: customer.email, key, kind, body, answers: [], cancelled: [] };
    this.#options.history.preorders.push(placement);
    const asked = keyed(customer, key, '/api/preorders', body);
    await Promise.all(Array.from({ length: times }, async () => void placement.answers.push(await this.#untilAnswered(wire, asked))));
    return placement;
  }

  async cancelPreorder(wire: Wire, customer: Customer, placement: PreorderPlacement): Promise<void> {
    const [preorderId] = idsOf(placement, 'preorderId');
    const path = `/api/preorders/${preorderId}/cancel`;
    placement.cancelled.push(await this.#untilAnswered(wire, { method: 'POST', path, headers: bearer(customer) }));
  }

  /** Lets goods come in, once. */
  async deliver(sku: string, quantity: number): Promise<void> {
    const delivery: Delivery = { sku, quantity, answers: [] };
    this.#options.history.deliveries.push(delivery);
    const key = `delivery-${++this.#keys}`;
    for (;;) {
      const answer = await deliver(this.#options.counter, key, sku, quantity);
      if (answer) return void delivery.answers.push(answer);
      if (performance.now() > this.#giveUpMono) throw new Unanswered(`the delivery of ${sku} was not answered in time`);
      await sleep(RETRY_MS);
    }
  }

  async #preorder(wire: Wire, random: Random, customer: Customer): Promise<void> {
    const placement = await this.preorder(wire, customer, choosePreorder(random), random.chance(0.05) ? 2 : 1);
    if (idsOf(placement, 'preorderId').length === 0) return;
    const cancels = random.chance(0.4);
    const delivered = placement.body.quantity === LARGE && random.chance(0.6) ? this.deliver(placement.body.sku, LARGE) : undefined;
    await sleep(random.chance(0.8) ? random.between(0, 120) : random.between(0, 2_000));
    if (cancels) await this.cancelPreorder(wire, customer, placement);
    await delivered;
  }

  async #cancel(wire: Wire, random: Random, customer: Customer, orderId: string): Promise<void> {
    const cancellation: Cancellation = { orderId, answers: [] };
    this.#options.history.cancellations.push(cancellation);
    const cancel = async () =>
      void cancellation.answers.push(
        await this.#untilAnswered(wire, { method: 'POST', path: `/api/orders/${orderId}/cancel`, headers: bearer(customer) }),
      );
    await Promise.all(random.chance(0.1) ? [cancel(), cancel()] : [cancel()]);
  }

  /** Repeats a request until it has a definite answer. */
  async #untilAnswered(wire: Wire, request: ExchangeRequest): Promise<Answer> {
    for (;;) {
      const exchange: Exchange = await wire.ask(request);
      const { status, body, endedMono } = exchange;
      if (status !== undefined && status !== TOO_MANY && !LATER.has(status)) return { status, body, endedMono };
      if (endedMono > this.#giveUpMono) throw new Unanswered(`${request.method} ${request.path} was not answered in time`);
      await sleep(status === TOO_MANY ? TOO_MANY_MS : RETRY_MS);
    }
  }
}

const bearer = ({ token }: Customer) => ({ authorization: `Bearer ${token}` });

const placing = (customer: Customer, key: string, body: unknown): ExchangeRequest => keyed(customer, key, '/api/orders', body);

const keyed = (customer: Customer, key: string, path: string, body: unknown): ExchangeRequest => ({
  method: 'POST',
  path,
  headers: { ...bearer(customer), 'idempotency-key': key },
  body,
});
