import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type pg from 'pg';
import { postgresPasses, postgresRemedy, reasonOf } from '../../errors/index.ts';
import { type Duration, durationMs, Patience, type Platform, realPlatform, type Source, sourced } from '../../platform/index.ts';
import { newClient } from './driver.ts';
import { quoted } from './schema.ts';

export interface ProvisionOptions {
  /** Names of services, as in the topology. */
  readonly services: readonly string[];
  /** Stands before the name of every role and schema, where several systems share a server (default nothing). */
  readonly prefix?: string;
  /**
   * The password of each role. Without it everybody gets a new one, and who has an older one is let in no more: say what it is
   * where processes run already.
   */
  readonly password?: (name: string) => string;
  readonly platform?: Platform;
  /** How long to wait for a server that is unavailable (default `60s`). A mistake is thrown at once. */
  readonly wait?: Duration;
  /** Called with a sentence while the server is waited for (default: a warning of the process). */
  readonly onWait?: (message: string) => void;
}

export interface Provisioned {
  /** The URL for each service, and for `bus`, with password and schema: secrets, each for the process that needs it. */
  readonly urls: Readonly<Record<string, string>>;
}

/** Whoever provisions waits for this lock of the database: roles and grants do not bear two at once. */
const LOCK = 'select pg_advisory_xact_lock(1918987621, 0)';
const NAME = /^[a-z][a-z0-9_-]{0,40}$/;
const ITERATIONS = 4_096;
const CONNECT_MS = 5_000;
/** How long one statement may take, the wait for others who provision included. */
const SILENCE_MS = 30_000;

/**
 * Gives each service a role with a password of its own, and a schema that belongs to it: the server itself refuses it the
 * tables of the others. Besides a role `bus`, for a bus on the same server. Can be run again, and by many at once; takes
 * nothing away that is there.
 * @param adminUrl the database, as a role that may create roles and schemas there
 * @throws RangeError for names that are none, and what the server says
 */
export async function provision(adminUrl: Source, options: ProvisionOptions): Promise<Provisioned> {
  const { services, prefix = '', password, platform = realPlatform(), wait = '60s' } = options;
  const { onWait = (message: string) => process.emitWarning(message) } = options;
  const wrong = [...services.map((service) => `${prefix}${service}`)].filter((name) => !NAME.test(name));
  if (wrong.length > 0)
    throw new RangeError(`roles are named by lower-case letters, digits, - and _: not ${wrong.map((name) => `'${name}'`).join(', ')}`);
  // The same at each attempt: one whose COMMIT was cut may have taken place.
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

/** All of it in one transaction. */
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
  // An error of an idle connection would end the process; the next statement tells it as well.
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
  // Whoever is no superuser has to belong to a role to give it something.
  await client.query(
    `do $$ begin if not (select rolsuper from pg_roles where rolname = current_user) then execute 'grant ${quoted(role)} to current_user'; end if; end $$`,
  );
  await client.query(`create schema if not exists ${quoted(role)} authorization ${quoted(role)}`);
  await client.query(`revoke all on schema ${quoted(role)} from public`);
  await client.query(`alter role ${quoted(role)} in database ${database} set search_path = ${quoted(role)}`);
}

/** What the server keeps instead of the password (RFC 5803): the password itself is in no statement, and so in no log. */
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
