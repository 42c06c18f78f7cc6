import type { Dispatcher } from '../../rpc/index.ts';
import type { HostedService } from '../../service/index.ts';
import type { Store } from '../../store/index.ts';

/** What runs in a process now. Services enter it when they start and leave it when they stop; readers look at each use. */
export interface Directory {
  /** What calls within the process reach. */
  readonly dispatchers: Map<string, Dispatcher>;
  /** What calls of other processes reach: the services, and the operators' interface of each. */
  readonly served: Map<string, Dispatcher>;
  readonly services: Map<string, HostedService>;
  /** The same services as a list. */
  readonly hosted: HostedService[];
  /** The stores that are open. */
  readonly stores: Map<string, Store>;
}

export const newDirectory = (): Directory => ({
  dispatchers: new Map(),
  served: new Map(),
  services: new Map(),
  hosted: [],
  stores: new Map(),
});
