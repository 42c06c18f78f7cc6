import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { type TransportRoutes, unwrap } from '../../rpc/index.ts';
import { serviceCaller } from '../../security/index.ts';
import { newTrace } from '../../telemetry/index.ts';
import { FETCH_MS, type KeySource } from './key-set.ts';

/** A longer key set is not read to its end. */
export const KEY_SET_MAX_BYTES = 256 * 1024;

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** A query that answers with a key set, or the address of a key set. */
export type KeyPlace = { readonly kind: string; readonly service: string; readonly name: string } | string;

/** Says what is wrong with the address of a key set, in a sentence. */
export function keyPlaceProblem(place: KeyPlace): string | undefined {
  if (typeof place !== 'string') return undefined;
  const { protocol = '', hostname = '', username = '' } = URL.parse(place) ?? {};
  if (username !== '') return `the address of the key set, '${place}', names a user; remove the user`;
  if (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname))) return undefined;
  if (protocol === 'http:')
    return `the key set at '${place}' would be fetched without encryption, and an attacker who changes it could sign tokens; use https`;
  return `'${place}' is not the address of a key set; write it as 'https://issuer.example/jwks'`;
}

/** Makes the fetch of a key set. @param gateway the name of the gateway, which is the caller of the query */
export function keySource(platform: Platform, transport: TransportRoutes, gateway: string, place: KeyPlace): KeySource {
  if (typeof place === 'string') return async (signal) => JSON.parse(await textAt(platform, place, signal));
  return async (signal) => {
    const meta = {
      caller: serviceCaller(gateway),
      trace: newTrace(platform, {}),
      depth: 0,
      timeoutMs: FETCH_MS,
    };
    return unwrap(await transport.call({ service: place.service, operation: place.name }, {}, meta, { signal }));
  };
}

/** Redirects are not followed: only the configuration decides where keys come from. */
async function textAt(platform: Platform, address: string, signal: AbortSignal): Promise<string> {
  const headers = { accept: 'application/jwk-set+json, application/json' };
  const { status, body } = await platform.http.fetch(address, { headers, signal });
  if (status === 200) return text(body);
  void body?.cancel().catch(() => {});
  throw new RametError('Unavailable', `The address of the key set answered with status ${status}`);
}

/** Reads a body and counts its bytes after decompression: the announced length cannot be trusted. */
async function text(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the stream, and with it the connection.
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > KEY_SET_MAX_BYTES) throw new RametError('Unavailable', `The key set has more than ${KEY_SET_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
