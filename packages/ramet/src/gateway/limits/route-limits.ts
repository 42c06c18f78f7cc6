import type { GatewayDefinition, Limit } from '../gateway.ts';
import type { GatewayRoute } from '../routes.ts';
import type { Limits } from './limits.ts';

/** How often a client may request paths without a route, where the gateway has no limit. Only a search for holes needs more. */
const UNKNOWN_ROUTES: Limit = { rate: '1000/15m' };

/** The limits of one route: those that the head of a request decides, and those that need its input. */
interface DeclaredLimits {
  readonly byClient: Limit | undefined;
  readonly byFields: readonly Limit[];
}

/** Counts requests against the limits that a gateway and its routes declare. Each method throws, or rejects, as {@link Limits.take} does. */
export class RouteLimits {
  readonly #limits: Limits;
  readonly #general: Limit | undefined;
  readonly #declared: ReadonlyMap<GatewayRoute, DeclaredLimits>;

  constructor(limits: Limits, { limit }: GatewayDefinition, routes: readonly GatewayRoute[]) {
    this.#limits = limits;
    this.#general = limit && !isByField(limit) ? limit : undefined;
    this.#declared = new Map(routes.map((route) => [route, declaredBy(limit, route)]));
  }

  /**
   * Counts a request for which there is no route.
   * @param headers receive the client's limits; so do those of the other methods
   */
  countUnknown(client: string, headers: Record<string, string>): void | Promise<void> {
    return this.#limits.take(this.#general ?? UNKNOWN_ROUTES, this.#general ? 'client' : 'unknown', client, headers);
  }

  /** Counts a request by its client, as soon as its head has been read. */
  countHead(route: GatewayRoute, principal: string, headers: Record<string, string>): void | Promise<void> {
    const limit = this.#of(route).byClient;
    if (!limit) return undefined;
    if (limit !== route.limit) return this.#limits.take(limit, 'client', principal, headers);
    return this.#limits.take(limit, 'route', `${principal} ${route.pattern}`, headers);
  }

  /** Counts a request by fields of its input. */
  countInput(route: GatewayRoute, principal: string, input: unknown, headers: Record<string, string>): void | Promise<void> {
    const { byFields } = this.#of(route);
    return byFields.length === 0 ? undefined : this.#countFields(byFields, `${principal} ${route.pattern}`, input, headers);
  }

  async #countFields(limits: readonly Limit[], client: string, input: unknown, headers: Record<string, string>): Promise<void> {
    for (const limit of limits) await this.#limits.take(limit, 'field', `${client} ${fieldOf(input, limit.by as string)}`, headers);
  }

  #of(route: GatewayRoute): DeclaredLimits {
    return this.#declared.get(route) as DeclaredLimits;
  }
}

/** A limit by a field comes on top of the gateway's: a client that changes the field with each request must not escape both. */
function declaredBy(general: Limit | undefined, { limit: own }: GatewayRoute): DeclaredLimits {
  if (own === false) return { byClient: undefined, byFields: [] };
  const declared = own === undefined ? [general] : isByField(own) ? [general, own] : [own];
  const limits = declared.filter((limit) => limit !== undefined);
  return { byClient: limits.find((limit) => !isByField(limit)), byFields: limits.filter(isByField) };
}

const isByField = ({ by }: Limit): boolean => by?.startsWith('input.') === true;

function fieldOf(input: unknown, by: string): string {
  const value = (input as Record<string, unknown> | undefined)?.[by.slice('input.'.length)];
  return typeof value === 'string' ? value.trim().toLowerCase() : String(value);
}
