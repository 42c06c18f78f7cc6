import { service } from 'ramet';
import { realPlatform } from 'ramet/platform';
import { sqlite } from 'ramet/store/sqlite';
import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ASKED, priceOf, Shelf } from '../query/price.ts';

/** The package does not export a hosted service alone, and a runtime always has metrics. */
const inside = (folder: string) => import(new URL(`../../packages/ramet/src/${folder}/index.ts`, import.meta.url).href);

const start: Start = async ({ folder, forMs, variant = 'silent' }) => {
  const [contracts, rpc, local, services, security, telemetry] = await Promise.all(
    ['contract', 'rpc', 'rpc/local', 'service', 'security', 'telemetry'].map(inside),
  );
  const platform = realPlatform();
  const metrics = telemetry.createMetrics({ service: 'bench', version: '1', env: 'bench' });
  const counting = telemetry.metricsInstrument(telemetry.standardMetrics(metrics), platform);
  const spans = {
    spans: true,
    begin(_: object, { traceparent }: { traceparent: string }) {
      const own = telemetry.childTraceparent(platform, traceparent);
      return { under: (trace: object) => ({ ...trace, traceparent: own }), end() {} };
    },
  };
  const instruments: Readonly<Record<string, object>> = {
    silent: telemetry.silentInstrument,
    metrics: counting,
    spans: telemetry.joined(counting, spans),
  };
  const instrument = instruments[variant];
  if (!instrument) throw new Error(`there is no '${variant}'`);
  const environment = { platform, warn: () => {}, fatal: () => {} };
  const factory = sqlite(folder);
  await factory.prepare(environment);
  const store = await factory.open('shelf', environment);
  const dispatchers = new Map();
  const transport = local.localTransport(dispatchers);
  const definition = service(Shelf).implement({ queries: { price: async (input) => priceOf(input) } });
  const log = telemetry.silentLog;
  const hosted = services.hostService(definition, { platform, store, transport, log, metrics, owner: 'bench', instrument });
  dispatchers.set('shelf', hosted.dispatcher);
  const edges = new rpc.Edges(transport, new rpc.Outbound(platform, 'bench', instrument));
  const { price } = rpc.clientFor(
    edges,
    contracts.compileContract(Shelf).compiled,
  )({
    meta: { caller: security.serviceCaller('bench'), trace: telemetry.newTrace(platform), depth: 0 },
    remainingMs: () => Number.POSITIVE_INFINITY,
    signal: undefined,
  }) as { price(input: object): Promise<unknown> };
  return {
    round: () => perCall(() => price(ASKED), forMs),
    async close() {
      await store.close();
      await factory.release();
      await metrics.shutdown();
    },
  };
};
export default start;
