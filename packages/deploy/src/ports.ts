/** Where a deployed process listens; a container has them to itself. */
export const PORTS = {
  /** The transport between processes. */
  rpc: 7_000,
  /** The first gateway; further ones follow. */
  http: 8_080,
  /** `/livez`, `/readyz`, `/health` and `/metrics`. */
  probes: 9_090,
  /** The operators' interface, on loopback. */
  admin: 3_001,
} as const;

/** The user `nonroot` of distroless images. By number, so that Kubernetes can see that it is not root. */
export const USER = 65_532;

/** The variables that give the gateways of a process their ports, as `serve` reads them. */
export const gatewayPorts = (gateways: readonly string[]): { name: string; variable: string; port: number }[] =>
  gateways.map((gateway, at) => ({
    name: at === 0 ? 'http' : `http-${at}`,
    variable: gateways.length === 1 ? 'PORT' : `PORT_${gateway.toUpperCase().replaceAll('-', '_')}`,
    port: PORTS.http + at,
  }));
