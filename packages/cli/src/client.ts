import { readFileSync } from 'node:fs';
import type { AdminAnswer, AdminBody, AdminQuery, AdminRoutes } from 'ramet/admin';

/** The options that locate a running process. */
export interface AdminOptions {
  /** The address of the admin interface. */
  readonly admin: string;
  /** The file that holds the token of the running process. */
  readonly tokenFile: string;
}

/** An error whose text says what is wrong and what to do. It is printed without a stack. */
export class CliError extends Error {}

/**
 * Reads the address of an admin interface as people write it: `http://host:port`, `host:port`, or a port of this machine.
 * @throws CliError when the text is not such an address
 */
export function addressOf(admin: string): string {
  const local = /^:?(\d+)$/.exec(admin);
  const text = local ? `http://127.0.0.1:${local[1]}` : /^[a-z][a-z0-9+.-]*:\/\//i.test(admin) ? admin : `http://${admin}`;
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text))
    throw new CliError(`'${admin}' is not an address: write --admin http://127.0.0.1:3001, or only the host and the port`);
  return text.replace(/\/+$/, '');
}

/** A request of the admin interface: what the path, the query and the body hold. */
export interface AdminRequest<Name extends keyof AdminRoutes> {
  readonly id?: string;
  readonly query?: AdminQuery<Name>;
  readonly body?: AdminBody<Name>;
}

/**
 * Sends one request to the admin interface of a running process.
 * @param name the route, by method and path
 * @throws CliError
 */
export async function ask<Name extends keyof AdminRoutes>(
  options: AdminOptions,
  name: Name,
  { id = '', query = {}, body }: AdminRequest<Name> = {},
): Promise<AdminAnswer<Name>> {
  const [method, path] = name.split(' ') as [string, string];
  const parameters = new URLSearchParams(query as Record<string, string>).toString();
  const address = addressOf(options.admin);
  const target = address + path.replace(':id', encodeURIComponent(id)) + (parameters === '' ? '' : `?${parameters}`);
  const response = await sent(address, target, {
    method,
    headers: { authorization: `Bearer ${tokenOf(options.tokenFile)}`, ...(method === 'GET' ? {} : { 'content-type': 'application/json' }) },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
  });
  const answer = (await response.json()) as Problem;
  if (!response.ok) {
    const issues = (answer.errors ?? []).map((issue) => `\n  ${issue.path}: ${issue.message}`).join('');
    throw new CliError(`${answer.title ?? `status ${response.status}`}: ${answer.detail ?? ''}${issues}`);
  }
  return answer as AdminAnswer<Name>;
}

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

function tokenOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new CliError(
      `cannot read the token file ${file}: start the process first, or name its token file with --token-file (or its folder in DATA_DIR)`,
    );
  }
}

async function sent(address: string, target: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(target, request);
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    throw new CliError(
      `${address} does not answer (${cause?.message ?? message}): start the process, or name its address with --admin (or its port in ADMIN_PORT)`,
    );
  }
}
