import { RametError } from '../../errors/index.ts';
import type { Crypto } from '../../platform/index.ts';
import { ANONYMOUS, type Caller } from '../../security/index.ts';
import type { Limit } from '../gateway.ts';
import type { Limits } from '../limits/limits.ts';
import type { CanonicalRequest } from '../request/canonical-request.ts';
import { bearerToken } from '../request/headers.ts';
import type { GatewayRoute } from '../routes.ts';
import type { Authenticator } from './jwt.ts';

/** How often the authentication of one client may fail. */
const FAILURES: Limit = { rate: '300/15m' };

/** Finds the caller of a request, and checks that the route is open to that caller. */
export class Authentication {
  readonly #crypto: Crypto;
  readonly #authenticator: Authenticator | undefined;
  readonly #limits: Limits;

  /** @param authenticator absent where every route is public */
  constructor(crypto: Crypto, authenticator: Authenticator | undefined, limits: Limits) {
    this.#crypto = crypto;
    this.#authenticator = authenticator;
    this.#limits = limits;
  }

  /**
   * Authenticates a request and authorises it for its route.
   * @param client counts its failures
   * @throws RametError MissingToken, InvalidToken, Forbidden; TooManyRequests for a client that fails too often
   */
  callerOf({ access }: GatewayRoute, request: CanonicalRequest, client: string): Caller | Promise<Caller> {
    if ('access' in access && access.access === 'public') return this.#anonymous(request, client);
    return this.#verified(request, client, 'scope' in access ? access.scope : undefined);
  }

  async #verified(request: CanonicalRequest, client: string, scope: string | undefined): Promise<Caller> {
    try {
      const token = bearerToken(request.headers.get('authorization'));
      if (token.kind === 'missing') throw new RametError('MissingToken');
      if (token.kind === 'malformed') throw new RametError('InvalidToken', 'The authorization header does not hold a bearer token');
      const caller = await (this.#authenticator as Authenticator).verify(token.token);
      if (scope === undefined || caller.scopes.includes(scope)) return caller;
      throw new RametError('Forbidden', `The token lacks the scope '${scope}'`);
    } catch (error) {
      if (error instanceof RametError && error.status === 401) await this.#limits.take(FAILURES, 'failures', client);
      throw error;
    }
  }

  /** Only the client that used an idempotency key may get the answer that is stored under it. */
  #anonymous(request: CanonicalRequest, client: string): Caller {
    if (!request.headers.has('idempotency-key')) return ANONYMOUS;
    return { ...ANONYMOUS, client: this.#crypto.sha256(`anonymous client ${client}`) };
  }
}
