import type { Deployment } from './deployment.ts';

/** The labels by which the pods of a process are found. */
export const labelsOf = (name: string, process: string): Record<string, string> => ({
  'app.kubernetes.io/name': process,
  'app.kubernetes.io/part-of': name,
});

/** @param process whose labels it gets; without one, it belongs to all */
export function metadata({ name, config }: Deployment, own: string, process?: string): Record<string, unknown> {
  return {
    name: own,
    ...(config.namespace === undefined ? {} : { namespace: config.namespace }),
    labels: {
      ...(process === undefined ? { 'app.kubernetes.io/part-of': name } : labelsOf(name, process)),
      'app.kubernetes.io/managed-by': 'ramet',
    },
  };
}
