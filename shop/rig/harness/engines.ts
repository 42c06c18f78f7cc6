import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { launchShop, type ShopOptions, type ShopProcess } from './shop-process.ts';

/** The engines that tests share. */
export interface Engines {
  /** A superuser's URL. */
  readonly postgres: string;
  /** The bus of the events (default: PostgreSQL). */
  readonly kafka?: string;
  readonly consul?: string;
}

/** Names that no other shop on the same engines has, and what is kept under them. */
export interface Corner extends AsyncDisposable {
  /** The environment of a shop that uses them. */
  readonly env: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
}

/** Makes a database of its own, which goes with the corner, with the roles of its services. */
export async function takeCorner({ postgres, kafka, consul }: Engines): Promise<Corner> {
  const prefix = `s${randomBytes(5).toString('hex')}_`;
  const name = `${prefix}shop`;
  await on(postgres, (client) => client.query(`create database ${name}`));
  const url = new URL(postgres);
  url.pathname = `/${name}`;
  return {
    databaseUrl: url.href,
    env: {
      SHOP_PREFIX: prefix,
      DATABASE_URL: url.href,
      BUS: kafka === undefined ? 'postgres' : 'kafka',
      ...(kafka === undefined ? {} : { KAFKA_BROKERS: kafka }),
      ...(consul === undefined ? {} : { CONSUL_URL: consul }),
    },
    [Symbol.asyncDispose]: () =>
      on(postgres, async (client) => {
        await client.query(`drop database if exists ${name} with (force)`);
        const { rows } = await client.query<{ rolname: string }>('select rolname from pg_roles where starts_with(rolname, $1)', [prefix]);
        for (const { rolname } of rows) await client.query(`drop role "${rolname}"`);
      }),
  };
}

/** Starts a shop in a corner of its own on `engines`, and waits until it serves. The corner is given back with `end`. */
export async function startShopOn(
  engines: Engines,
  options: ShopOptions & { readonly program: NonNullable<ShopOptions['program']> },
): Promise<{ readonly shop: ShopProcess; readonly end: () => Promise<void> }> {
  const corner = await takeCorner(engines);
  const end = async () => corner[Symbol.asyncDispose]();
  const shop = await launchShop({ ...options, env: { ...corner.env, ...options.env } }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  try {
    await shop.ready();
    return { shop, end };
  } catch (error) {
    await shop[Symbol.asyncDispose]();
    await end();
    throw error;
  }
}

async function on(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
