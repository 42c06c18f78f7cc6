import type pg from 'pg';
import { peer } from '../../errors/index.ts';

/*
 * The one file that loads the driver. A user who names this store in a topology has installed `pg`; where it is missing, the error says so.
 * It is not an option of `postgres()`: the store takes the place of the driver's queries (`Exchange`), so that it fits one driver only.
 */
const { default: driver } = await peer('pg', 'ramet/store/postgres', () => import('pg'));

/** Makes a client of the driver, which is not connected yet. */
export const newClient = (config: pg.ClientConfig): pg.Client => new driver.Client(config);

/** What the store needs of the driver's connection below its client. */
export interface Wire {
  readonly stream: { readonly writable: boolean; write(bytes: Buffer): void; destroy(): void };
}

/** Returns the driver's connection below a client. */
export const wireOf = (client: pg.Client): Wire => (client as unknown as { connection: Wire }).connection;

/** Lets objects of a class take part in the driver's pipeline: it accepts its own queries only, and checks by `instanceof`. */
export function admitToPipeline(prototype: object): void {
  Object.setPrototypeOf(prototype, driver.Query.prototype);
}
