import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { mainOf } from './artefact.ts';
import { type DeployedProcess, type Deployment, imageOf } from './deployment.ts';
import { type Generated, headerOf } from './generated.ts';
import { gatewayPorts, PORTS, USER } from './ports.ts';

/**
 * A Dockerfile for each process, with its artefact as the context. The image has Node, the C library and the artefact with its
 * packages: no shell, no npm, nothing that the process does not load.
 */
export function dockerfiles(deployment: Deployment): Generated {
  const files = new Map<string, string>();
  for (const process of deployment.processes) {
    files.set(`${process.name}.Dockerfile`, dockerfile(deployment, process));
    files.set(`${process.name}.Dockerfile.dockerignore`, `${headerOf('docker', deployment.profile)}.git\n**/node_modules\n`);
  }
  return files;
}

function dockerfile(deployment: Deployment, process: DeployedProcess): string {
  const { trace, name, gateways } = process;
  const locked = existsSync(join(trace.root, 'package-lock.json'));
  const scopes = trace.scopes.filter(({ folder }) => folder !== '').map(({ folder }) => posix.join(folder, 'package.json'));
  const conditions = trace.conditions.flatMap((condition) => ['-C', condition]);
  const ports = [...(process.process === undefined ? [] : [PORTS.rpc]), PORTS.probes, ...gateways.map((_, at) => PORTS.http + at)];
  return `${headerOf('docker', deployment.profile)}#
# ramet build ${name} --profile ${deployment.profile} --out build/${name}
# docker build -t ${imageOf(deployment, name)} -f ${name}.Dockerfile build/${name}

FROM node:${deployment.config.node}-bookworm-slim AS packages
WORKDIR /app
COPY package.json ${locked ? 'package-lock.json ' : ''}./
${scopes.map((scope) => `COPY ${scope} ${posix.dirname(scope)}/\n`).join('')}RUN npm ${locked ? 'ci' : 'install'} --omit=dev --ignore-scripts --no-audit --no-fund

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=packages /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=packages /app ./
COPY . .
ENV NODE_ENV=production ${[
    ...(process.process === undefined ? [] : [`RPC_PORT=${PORTS.rpc}`]),
    `PROBES_PORT=${PORTS.probes}`,
    ...gatewayPorts(gateways).map(({ variable, port }) => `${variable}=${port}`),
  ].join(' ')}
USER ${USER}:${USER}
EXPOSE ${ports.join(' ')}
STOPSIGNAL SIGTERM
ENTRYPOINT ${JSON.stringify(['/usr/local/bin/node', ...conditions, mainOf(trace)])}
`;
}
