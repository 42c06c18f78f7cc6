import { realPlatform } from '../../platform/index.ts';
import type { Dispatcher } from '../call.ts';
import { transportConformance } from '../conformance.ts';
import type { RemoteHarness } from '../fixture.conformance.ts';
import type { RpcServer } from '../transport.ts';
import { mux } from './index.ts';
import { plainIdentities } from './mux.fixture.ts';
import { FaultyNetwork } from './network.fixture.ts';
import { LIMITS } from './wire.ts';

const connect: RemoteHarness['connect'] = async (hosted, platform) => {
  const environment = { platform, identities: plainIdentities, onError: () => {} };
  const answers = mux().create({ ...environment, addresses: () => [], process: 'answers' });
  const servers: RpcServer[] = [];
  for (const dispatchers of hosted) servers.push(await answers.listen(dispatchers, { host: '127.0.0.1', port: 0 }));
  const networks = await Promise.all(servers.map(({ port }) => FaultyNetwork.to(port)));
  const known = networks.map(({ port }, i) => ({ id: `instance-${i}`, host: '127.0.0.1', port }));
  const services = new Set(hosted.flatMap((dispatchers) => [...dispatchers.keys()]));
  const addresses = (service: string) => (services.has(service) ? known : []);
  const calls = mux().create({ ...environment, addresses, process: 'calls' });
  return {
    transport: calls.from('tests'),
    servers,
    cut: () => {
      for (const network of networks) network.cut();
    },
    async close() {
      await calls.close();
      for (const server of servers) await server.close();
      for (const network of networks) network.close();
      await answers.close();
    },
  };
};

transportConformance('mux', {
  capabilities: mux().capabilities,
  platform: realPlatform(),
  connect: (dispatchers: ReadonlyMap<string, Dispatcher>, platform) => connect([dispatchers], platform),
  remote: { payloadBytes: LIMITS.payloadBytes, connect },
});
