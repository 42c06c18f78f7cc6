import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ASKED, priceOf, Shelf } from './price.ts';

/** The cost of validating and copying with these schemas. */
const start: Start = async ({ forMs }) => {
  const { input, output } = Shelf.queries.price;
  const validated = (schema: typeof input | typeof output, value: unknown) => {
    const result = schema['~standard'].validate(value);
    if (result instanceof Promise || result.issues) throw new Error('the schema does not fit');
    return result.value;
  };
  const call = async () => validated(output, priceOf(validated(input, ASKED) as typeof ASKED));
  return { round: () => perCall(call, forMs), close: async () => {} };
};
export default start;
