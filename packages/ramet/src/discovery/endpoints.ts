import type { Endpoint } from './discovery.ts';

/** The protocol of a registration that names none: releases of Ramet that had one transport wrote none. */
export const DEFAULT_PROTOCOL = 'mux';

const ENDPOINT = /^(?:([a-z][a-z0-9-]*):\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]@?#]+)):(\d{1,5})$/;

/**
 * Reads an endpoint from `host:port` or `protocol://host:port`; IPv6 stands in brackets, as in `[::1]:4001`.
 * @param protocol of a text that names none
 * @returns undefined when the text is not an endpoint
 */
export function parseEndpoint(text: string, protocol: string = DEFAULT_PROTOCOL): Endpoint | undefined {
  const [whole, named, bracketed, plain, digits] = ENDPOINT.exec(text) ?? [];
  const port = Number(digits);
  return whole !== undefined && isPort(port) ? { protocol: named ?? protocol, host: (bracketed ?? plain) as string, port } : undefined;
}

/** Writes the place of an endpoint, `host:port`. {@link parseEndpoint} reads it. */
export const placeOf = ({ host, port }: Endpoint): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Checks that a number is a port that can be called. */
export const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536;
