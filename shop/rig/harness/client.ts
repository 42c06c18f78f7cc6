import { randomUUID } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** A client of the shop's public interface, and of what its outside systems show: for tests, not for browsers. */

export interface ShopUrls {
  readonly url: string;
  readonly providerUrl: string;
  readonly mailUrl: string;
}

/** An answer, whatever its status; `body` is of type `T` only when the status says so. */
export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The JSON value; the text itself where it is none. */
  readonly body: T;
}

/** There was no answer. */
export class NoAnswer extends Error {
  /** Such as `ECONNREFUSED`. */
  readonly code: string;
  /** The connection had served another request before: a server may have closed it while this one was on its way. */
  readonly reused: boolean;
  /** The request had a connection, so that some or all of it may have been read. */
  readonly sent: boolean;

  constructor(what: string, cause: NodeJS.ErrnoException, { reused, sent }: { reused: boolean; sent: boolean }) {
    super(`${what}: ${cause.message}`, { cause });
    this.name = 'NoAnswer';
    this.code = cause.code ?? 'UNKNOWN';
    this.reused = reused;
    this.sent = sent;
  }
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** A string or bytes are sent as they are; anything else as JSON. */
  readonly body?: unknown;
  readonly token?: string | undefined;
  /** The `Idempotency-Key`. */
  readonly key?: string | undefined;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly data?: unknown;
  readonly correlationId?: string;
}

export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly price: number;
  readonly category: string;
  readonly image: string;
  readonly available: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export type OrderStatus = 'pending' | 'confirmed' | 'cancelled';

export interface Order {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly reason?: string;
  readonly total: number;
  readonly lines: readonly { readonly sku: string; readonly name: string; readonly price: number; readonly quantity: number }[];
  readonly history: readonly { readonly at: string; readonly what: string }[];
}

export interface ListedOrder {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly total: number;
  readonly placedAt: string;
  readonly reason?: string;
  readonly first: Order['lines'][number];
  readonly further: number;
}

export interface OrderEvent {
  readonly status: OrderStatus;
  readonly what: string;
  readonly at: string;
}

export interface Address {
  readonly name: string;
  readonly street: string;
  readonly city: string;
  readonly country: string;
}

export interface NewOrder {
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly card: { readonly number: string };
  readonly shipTo?: Address;
}

export interface Charge {
  readonly chargeId: string;
  readonly reference: string;
  readonly amount: number;
  readonly status: 'captured' | 'refunded' | 'declined';
  /** How much of it was refunded, while that is a part. */
  readonly refunded?: number;
}

export interface Mail {
  readonly messageId: string | null;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
}

/** The provider's test cards. */
export const CARDS = {
  pays: '4242424242424242',
  declined: '4000000000000002',
  lacksFunds: '4000000000009995',
  chargesAndDrops: '4000000000000119',
  answersLate: '4000000000000259',
  dropsWithoutCharge: '4000000000000341',
  failsTwice: '4000000000000432',
  noPartialRefunds: '4000000000005126',
} as const;

/** The carrier goes there not: an order to this address fails after it was paid. */
export const ANTARCTICA: Address = { name: 'R. Scott', street: 'Ice 1', city: 'McMurdo', country: 'AQ' };

const REQUEST_MS = 60_000;
const SETTLE_MS = 120_000;

/** The body of an answer that has the status it must have. @throws with the whole answer otherwise */
export function bodyOf<T>(answer: Answer<T>, status = 200): T {
  if (answer.status !== status) throw new Error(`expected ${status}, but the answer was ${answer.status} ${answer.text}`);
  return answer.body;
}

export class ShopClient {
  readonly urls: ShopUrls;
  readonly #agent: Agent;

  /** @param keepAlive whether connections are used for several requests */
  constructor(urls: ShopUrls, { keepAlive = true }: { keepAlive?: boolean } = {}) {
    this.urls = urls;
    this.#agent = new Agent({ keepAlive });
  }

  /** Any request to the shop. */
  request<T = unknown>(method: string, path: string, options: RequestOptions = {}): Promise<Answer<T>> {
    return this.#send(this.urls.url, method, path, options);
  }

  register(user: { email: string; password: string; name: string }): Promise<Answer<{ userId: string }>> {
    return this.request('POST', '/api/users', { body: user });
  }

  logIn(credentials: { email: string; password: string }): Promise<Answer<{ accessToken: string; expiresIn: number }>> {
    return this.request('POST', '/api/sessions', { body: credentials });
  }

  /** Registers a new customer and logs in. */
  async customer(name = 'Ada Lovelace'): Promise<Customer> {
    const email = `${randomUUID()}@example.test`;
    const password = randomUUID();
    const { userId } = bodyOf(await this.register({ email, password, name }), 201);
    const { accessToken } = bodyOf(await this.logIn({ email, password }), 201);
    return new Customer(this, { userId, email, password, token: accessToken });
  }

  search(query: { query?: string; category?: string; limit?: number; cursor?: string } = {}): Promise<Answer<Page<Product>>> {
    return this.request('GET', `/api/products${queryOf(query)}`);
  }

  /** One product as the catalogue shows it: its `available` may be a little behind. */
  async product(sku: string): Promise<Product> {
    return bodyOf(await this.request<Product>('GET', `/api/products/${encodeURIComponent(sku)}`));
  }

  /** What the payment provider has in its books, of one order or of all. */
  async charges(orderId?: string): Promise<readonly Charge[]> {
    const answer = await this.#send<Page<Charge>>(this.urls.providerUrl, 'GET', `/charges${queryOf({ reference: orderId })}`, {});
    return bodyOf(answer).items;
  }

  /** What came to an address, or to all. */
  async mails(to?: string): Promise<readonly Mail[]> {
    const answer = await this.#send<Page<Mail>>(this.urls.mailUrl, 'GET', `/messages${queryOf({ to })}`, {});
    return bodyOf(answer).items;
  }

  /** Follows an order until the stream ends. @param onEvent is called with each event as it arrives */
  events(orderId: string, options: RequestOptions & { onEvent?: (event: OrderEvent) => void } = {}): Promise<Answer<OrderEvent[]>> {
    return this.follow(`/api/orders/${encodeURIComponent(orderId)}/events`, options);
  }

  /** The same of any stream. */
  async follow<E>(path: string, options: RequestOptions & { onEvent?: (event: E) => void } = {}): Promise<Answer<E[]>> {
    const { onEvent, ...rest } = options;
    const events: E[] = [];
    let read = 0;
    const onText = (text: string) => {
      for (let end = text.indexOf('\n\n', read); end >= 0; end = text.indexOf('\n\n', read)) {
        const block = text.slice(read, end);
        read = end + 2;
        const data = block.split('\n').flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length).trim()] : []));
        if (data.length === 0) continue;
        const event = JSON.parse(data.join('\n')) as E;
        events.push(event);
        onEvent?.(event);
      }
    };
    const answer = await this.#send<E[]>(this.urls.url, 'GET', path, rest, onText);
    return answer.status === 200 ? { ...answer, body: events } : answer;
  }

  /** Closes the connections that are kept. */
  close(): void {
    this.#agent.destroy();
  }

  #send<T>(base: string, method: string, path: string, options: RequestOptions, onText?: (soFar: string) => void): Promise<Answer<T>> {
    const { headers = {}, body, token, key, timeoutMs = REQUEST_MS, signal } = options;
    const payload = body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const { hostname, port } = new URL(base);
    return new Promise((resolve, reject) => {
      let sent = false;
      const outgoing = request(
        {
          agent: this.#agent,
          hostname,
          port,
          method,
          path,
          ...(signal ? { signal } : {}),
          headers: {
            ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(key === undefined ? {} : { 'idempotency-key': key }),
            ...headers,
          },
        },
        (incoming) => readAll(incoming, onText).then((text) => resolve(answerOf<T>(incoming, text)), fail),
      );
      const timer = setTimeout(() => {
        outgoing.destroy(Object.assign(new Error(`no answer in ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
      }, timeoutMs);
      function fail(error: NodeJS.ErrnoException): void {
        clearTimeout(timer);
        reject(new NoAnswer(`${method} ${path}`, error, { reused: outgoing.reusedSocket, sent }));
      }
      outgoing.once('socket', (socket) => {
        if (socket.connecting) socket.once('connect', () => (sent = true));
        else sent = true;
      });
      outgoing.once('error', fail);
      outgoing.once('close', () => clearTimeout(timer));
      outgoing.end(payload);
    });
  }
}

/** A customer who has logged in. */
export class Customer {
  readonly client: ShopClient;
  readonly userId: string;
  readonly email: string;
  readonly password: string;
  token: string;

  constructor(client: ShopClient, who: { userId: string; email: string; password: string; token: string }) {
    this.client = client;
    this.userId = who.userId;
    this.email = who.email;
    this.password = who.password;
    this.token = who.token;
  }

  /** The same customer over other connections. */
  over(client: ShopClient): Customer {
    return new Customer(client, this);
  }

  place(order: NewOrder, key: string = randomUUID(), options: RequestOptions = {}): Promise<Answer<{ orderId: string }>> {
    return this.client.request('POST', '/api/orders', { body: order, token: this.token, key, ...options });
  }

  /**
   * Places an order and does not take silence for an answer: a request that fails, and one that is answered with 503 or 504,
   * is repeated under its key.
   */
  async placeSurely(order: NewOrder, key: string = randomUUID(), withinMs = SETTLE_MS): Promise<string> {
    const answer = await insist(() => this.place(order, key), withinMs);
    return bodyOf(answer, 202).orderId;
  }

  /** @param wait seconds, as the header `Prefer: wait=…` */
  order(orderId: string, { wait }: { wait?: number } = {}): Promise<Answer<Order>> {
    const headers: Record<string, string> = wait === undefined ? {} : { prefer: `wait=${wait}` };
    return this.client.request('GET', `/api/orders/${encodeURIComponent(orderId)}`, { token: this.token, headers });
  }

  orders(query: { status?: OrderStatus; limit?: number; cursor?: string } = {}): Promise<Answer<Page<ListedOrder>>> {
    return this.client.request('GET', `/api/orders${queryOf(query)}`, { token: this.token });
  }

  cancel(orderId: string): Promise<Answer<{ orderId: string }>> {
    return this.client.request('POST', `/api/orders/${encodeURIComponent(orderId)}/cancel`, { token: this.token });
  }

  events(orderId: string, options: { onEvent?: (event: OrderEvent) => void; signal?: AbortSignal } = {}): Promise<Answer<OrderEvent[]>> {
    return this.client.events(orderId, { token: this.token, ...options });
  }

  /** Waits until an order has ended, over restarts of the shop too. @throws when it is not in time */
  async settled(orderId: string, withinMs = SETTLE_MS): Promise<Order> {
    const giveUpAt = Date.now() + withinMs;
    for (;;) {
      const answer = await insist(() => this.order(orderId, { wait: 3 }), withinMs);
      const order = bodyOf(answer);
      if (order.status !== 'pending') return order;
      if (Date.now() > giveUpAt) throw new Error(`order ${orderId} has not ended after ${withinMs} ms: ${answer.text}`);
    }
  }

  mails(): Promise<readonly Mail[]> {
    return this.client.mails(this.email);
  }
}

/** Asks again until what it gets is as it should be. @throws with the last value when that does not come in time */
export async function eventually<T>(look: () => Promise<T>, fits: (value: T) => boolean, withinMs = 30_000): Promise<T> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const value = await look();
    if (fits(value)) return value;
    if (Date.now() > giveUpAt) throw new Error(`not so within ${withinMs} ms: ${JSON.stringify(value)}`);
    await sleep(50);
  }
}

async function insist<T>(send: () => Promise<Answer<T>>, withinMs: number): Promise<Answer<T>> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const answer = await send().catch((error: unknown) => {
      if (!(error instanceof NoAnswer) || Date.now() > giveUpAt) throw error;
      return undefined;
    });
    if (answer && ((answer.status !== 503 && answer.status !== 504) || Date.now() > giveUpAt)) return answer;
    await sleep(100);
  }
}

async function readAll(incoming: IncomingMessage, onText: (soFar: string) => void = () => {}): Promise<string> {
  let text = '';
  incoming.setEncoding('utf8');
  for await (const chunk of incoming as AsyncIterable<string>) {
    text += chunk;
    onText(text);
  }
  return text;
}

function answerOf<T>({ statusCode = 0, headers }: IncomingMessage, text: string): Answer<T> {
  const isJson = /json/.test(headers['content-type'] ?? '');
  return { status: statusCode, headers, text, body: (isJson ? JSON.parse(text) : text) as T };
}

function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const]));
  return given.length > 0 ? `?${new URLSearchParams(Object.fromEntries(given))}` : '';
}
