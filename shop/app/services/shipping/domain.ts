export interface Address {
  readonly name: string;
  readonly street: string;
  readonly city: string;
  readonly country: string;
}

/** Where an order goes that names no address: to the counter of the shop. */
export const COUNTER: Address = { name: 'Ramet Shop, counter', street: 'Ausläuferweg 1', city: 'Freiburg', country: 'DE' };

/** Where no carrier goes: there are customers in Antarctica, but no parcels. */
const UNREACHABLE: ReadonlySet<string> = new Set(['AQ']);

export const deliverable = ({ country }: Address): boolean => !UNREACHABLE.has(country);

/** What a customer follows a parcel by: the end of the shipment's id, which is what makes it unique. */
export function trackingNumber(shipmentId: string): string {
  return `RM${shipmentId.slice(-12).toUpperCase()}`;
}
