import { service } from 'ramet';
import { perCall } from '../core/measure.ts';
import { startRamet } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';
import { ASKED, priceOf, Shelf } from './price.ts';

const start: Start = async ({ folder, forMs }) => {
  const shelf = service(Shelf).implement({ queries: { price: async (input) => priceOf(input) } });
  const runtime = await startRamet({ shelf }, { folder });
  const { price } = runtime.client(Shelf);
  return { round: () => perCall(() => price(ASKED), forMs), close: () => runtime.stop() };
};
export default start;
