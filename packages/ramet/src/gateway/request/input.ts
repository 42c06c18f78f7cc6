import { type Issue, RametError } from '../../errors/index.ts';
import type { GatewayRoute } from '../routes.ts';
import type { CanonicalRequest } from './canonical-request.ts';
import { isJson } from './content-type.ts';
import { idempotencyKey } from './headers.ts';
import { parseJsonBytes } from './json-body.ts';
import { parseQuery } from './query-string.ts';

/** Reads the idempotency key of a request. @throws RametError MissingIdempotencyKey, BadRequest */
export function keyOf(route: GatewayRoute, request: CanonicalRequest): string | undefined {
  const header = request.headers.get('idempotency-key');
  if (header === undefined) {
    if (route.keyRequired) throw new RametError('MissingIdempotencyKey');
    return undefined;
  }
  const key = idempotencyKey(header);
  if (key === undefined)
    throw new RametError('BadRequest', 'The header Idempotency-Key is not acceptable', {
      issues: [{ path: 'idempotency-key', message: '1 to 255 visible ASCII characters' }],
    });
  return key;
}

/**
 * Makes the input of a route from the path, the query and the body. The path wins over the body, and the body over the query.
 * @throws RametError MalformedRequest, MalformedBody, UnsupportedMediaType, BadRequest
 */
export function inputOf(
  route: GatewayRoute,
  request: CanonicalRequest,
  params: Readonly<Record<string, string>>,
  bytes: Uint8Array | undefined,
): unknown {
  const query = parseQuery(request.rawQuery);
  if (!query.ok) throw new RametError('MalformedRequest', query.detail);
  const coerced = route.coerce([...query.pairs, ...Object.entries(params)]);
  const issues: Issue[] = [...coerced.issues];
  let merged: unknown = coerced.value;
  if (bytes && bytes.length > 0) {
    const body = bodyOf(request, bytes);
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw new RametError('BadRequest', 'The body must be a JSON object', { issues: [{ path: '', message: 'expected an object' }] });
    merged = { ...coerced.value, ...body, ...route.coerce(Object.entries(params)).value };
  } else merged = { ...coerced.value };
  const decoded = route.input.decode(merged);
  if (!decoded.ok) throw new RametError('BadRequest', 'The request does not fit the contract', { issues: [...issues, ...decoded.issues] });
  if (issues.length > 0) throw new RametError('BadRequest', 'The request does not fit the contract', { issues });
  return decoded.value;
}

function bodyOf(request: CanonicalRequest, bytes: Uint8Array): unknown {
  if (!isJson(request.headers.get('content-type'))) throw new RametError('UnsupportedMediaType');
  if (request.headers.has('content-encoding')) throw new RametError('UnsupportedMediaType', 'The body must not be encoded');
  const parsed = parseJsonBytes(bytes);
  if (!parsed.ok) throw new RametError('MalformedBody', parsed.detail, { issues: parsed.issues });
  return parsed.value;
}
