import { compileContract } from '../../packages/ramet/src/contract/index.ts';
import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ASKED, priceOf, Shelf } from './price.ts';

/** What validating and copying costs whoever does it with these schemas. */
const start: Start = async ({ forMs }) => {
  const compiled = compileContract(Shelf).compiled.operations.get('price');
  if (!compiled) throw new Error('the contract has no such operation');
  const call = async () => {
    const input = compiled.input.decode(ASKED);
    const output = compiled.output.decode(priceOf((input as { value: typeof ASKED }).value));
    return (output as { value: unknown }).value;
  };
  return { round: () => perCall(call, forMs), close: async () => {} };
};
export default start;
