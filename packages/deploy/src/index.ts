/** Builds and describes the processes of a topology for machines of their own; the `ramet` command is a thin cover of this. */
export { type ArtefactInfo, type ArtefactOptions, linkPackages, writeArtefact } from './artefact.ts';
export { checkConfig, type DeployConfig, readConfig } from './config.ts';
export { type DeployedProcess, type Deployment, type DeploymentOptions, deploymentOf, imageOf, warningsOf } from './deployment.ts';
export { dockerfiles } from './docker.ts';
export { type Generated, writeGenerated } from './generated.ts';
export { manifests } from './kubernetes.ts';
export { type PipelineOptions, pipelines } from './pipelines.ts';
export { DeployError } from './problems.ts';
export { type Overview, overviewOf, type TopologyFile } from './recorder.ts';
export { type Trace, type TraceOptions, traceProcess } from './trace.ts';
