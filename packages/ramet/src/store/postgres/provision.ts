import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type pg from 'pg';
import { postgresPasses, postgresRemedy, reasonOf } from '../../errors/index.ts';
import { type Duration, durationMs, Patience, type Platform, realPlatform, type Source, sourced } from '../../platform/index.ts';
import { newClient } from './driver.ts';
import { quoted } from './schema.ts';

/** The options of {@link provision}. */
export interface ProvisionOptions {
  /** Names of services, as in the topology. */
  readonly services: readonly string[];
  /** A prefix for the names of all roles and schemas, where several systems share a server (default: none). */
  readonly prefix?: string;
  /**
   * The password of each role. Without it each role gets a new password, and an older one is not valid any more: give the passwords
   * where processes already run.
   */
  readonly password?: (name: string) => string;
  readonly platform?: Platform;
  /** How long to wait for a server that is unavailable (default `60s`). A mistake is thrown at once. */
  readonly wait?: Duration;
  /** Called with a sentence while it waits for the server (default: a warning of the process). */
  readonly onWait?: (message: string) => void;
}

/** The result of {@link provision}. */
export interface Provisioned {
  /** The URL for each service, and for `bus`, with password and schema. These are secrets, each for the process that needs it. */
  readonly urls: Readonly<Record<string, string>>;
}

/** Each provisioning waits for this lock of the database: roles and grants fail when two change them at once. */
const LOCK = 'select pg_advisory_xact_lock(1918987621, 0)';
const NAME = /^[a-z][a-z0-9_-]{0,40}$/;
const ITERATIONS = 4_096;
const CONNECT_MS = 5_000;
/** How long one statement may take, including the wait for another provisioning. */
const SILENCE_MS = 30_000;

/**
 * Creates a role with its own password and a schema for each service, so that the server refuses it the tables of the others. It also
 * creates a role `bus`, for a bus on the same server. It can be run again, and by several processes at once, and removes nothing.
 * @param adminUrl the database, with a role that may create roles and schemas there
 * @throws RangeError for invalid names; the error of the server
 * @example
 * const { urls } = await provision('postgres://admin:password@host/shop', { services: ['orders', 'payments'] });
 */
export async function provision(adminUrl: Source, options: ProvisionOptions): Promise<Provisioned> {
  const { services, prefix = '', password, platform = realPlatform(), wait = '60s' } = options;
  const { onWait = (message: string) => process.emitWarning(message) } = options;
  const wrong = [...services.map((service) => `${prefix}${service}`)].filter((name) => !NAME.test(name));
  if (wrong.length > 0)
    throw new RangeError(`names of roles have lower-case letters, digits, - and _, unlike ${wrong.map((name) => `'${name}'`).join(', ')}`);
  // The same passwords at each attempt: an attempt whose COMMIT was cut may have taken place.
  const secrets = new Map(
    [...services, 'bus'].map((name) => [name, password?.(name) ?? Buffer.from(platform.random.bytes(24)).toString('base64url')]),
  );
  const patience = new Patience(platform, {
    forMs: durationMs(wait),
    passes: postgresPasses,
    onWait([one]) {
      const why = one?.error === undefined ? 'it has not answered yet' : `${reasonOf(one.error)}: ${postgresRemedy(one.error)}`;
      onWait(`provision() waits for PostgreSQL, for ${wait} at most: ${why}`);
    },
    onOver: () => {},
  });
  return patience.until('PostgreSQL', async () => provisionOnce(await sourced(adminUrl), secrets, prefix, platform));
}

/** Does everything in one transaction. */
async function provisionOnce(
  adminUrl: string,
  secrets: ReadonlyMap<string, string>,
  prefix: string,
  platform: Platform,
): Promise<Provisioned> {
  const urls: Record<string, string> = {};
  const client = newClient({
    connectionString: adminUrl,
    application_name: 'ramet provision',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: SILENCE_MS,
  });
  // An error of an idle connection would end the process; the next statement fails with it anyway.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('begin');
    await client.query(LOCK);
    const { rows } = await client.query<{ name: string }>('select current_database() as name');
    const database = quoted(rows[0]?.name ?? '');
    await client.query(`revoke all on database ${database} from public`);
    await client.query('revoke all on schema public from public');
    for (const [name, secret] of secrets) {
      const role = `${prefix}${name}`;
      await giveRole(client, role, secret, platform);
      await client.query(`grant connect on database ${database} to ${quoted(role)}`);
      if (name === 'bus') await client.query(`grant create on database ${database} to ${quoted(role)}`);
      else await giveSchema(client, role, database);
      urls[name] = urlOf(adminUrl, role, secret, name === 'bus' ? undefined : role);
    }
    await client.query('commit');
    return { urls };
  } finally {
    await client.end().catch(() => {});
  }
}

async function giveRole(client: pg.Client, role: string, secret: string, platform: Platform): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [role]);
  const verb = rowCount ? 'alter' : 'create';
  await client.query(`${verb} role ${quoted(role)} login nosuperuser nocreatedb nocreaterole password '${verifier(secret, platform)}'`);
}

async function giveSchema(client: pg.Client, role: string, database: string): Promise<void> {
  // A role that is not a superuser must be a member of a role to grant it something.
  await client.query(
    `do $$ begin if not (select rolsuper from pg_roles where rolname = current_user) then execute 'grant ${quoted(role)} to current_user'; end if; end $$`,
  );
  await client.query(`create schema if not exists ${quoted(role)} authorization ${quoted(role)}`);
  await client.query(`revoke all on schema ${quoted(role)} from public`);
  await client.query(`alter role ${quoted(role)} in database ${database} set search_path = ${quoted(role)}`);
}

/** Computes what the server keeps instead of the password (RFC 5803): the password is in no statement, and so in no log. */
function verifier(secret: string, platform: Platform): string {
  const salt = Buffer.from(platform.random.bytes(16));
  const salted = pbkdf2Sync(secret.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256');
  const keyed = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${keyed('Server Key').toString('base64')}`;
}

function urlOf(adminUrl: string, role: string, secret: string, schema: string | undefined): string {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = secret;
  if (schema !== undefined) url.searchParams.set('schema', schema);
  return url.href;
}
