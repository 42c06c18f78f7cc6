import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ASKED, priceOf } from './price.ts';

const handler = async (input: typeof ASKED) => priceOf(input);

const start: Start = async ({ forMs }) => ({
  round: () => perCall(() => handler(ASKED), forMs),
  close: async () => {},
});
export default start;
