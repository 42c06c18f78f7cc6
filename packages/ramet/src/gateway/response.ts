import { problemAnswer } from '../http/index.ts';
import type { Trace } from '../telemetry/index.ts';

/** An answer of a gateway, before its server adds what every answer has. */
export type GatewayResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The pattern of the route, for metrics; `(site)` for a file, `(none)` where there was none. */
  readonly route: string;
  readonly correlationId: string;
} & ({ readonly body: string | Uint8Array } | { readonly events: AsyncIterable<unknown> });

/** Makes the refusal of a request, as problem+json. */
export function refusal(
  error: unknown,
  { correlationId }: Pick<Trace, 'correlationId'>,
  route: string,
  headers: Readonly<Record<string, string>> = {},
  details: { readonly allowed?: readonly string[]; readonly scope?: string } = {},
): GatewayResponse {
  const { status, headers: own, body } = problemAnswer(error, { correlationId }, details);
  return { status, headers: { ...headers, ...own }, route, correlationId, body };
}
