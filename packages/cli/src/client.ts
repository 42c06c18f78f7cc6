import { readFileSync } from 'node:fs';

export interface AdminOptions {
  /** Where the process listens for its operators. */
  readonly admin: string;
  /** The file with the token of this start. */
  readonly tokenFile: string;
}

/** Says what went wrong and what to do about it; printed without a stack. */
export class CliError extends Error {}

/**
 * The address of the admin interface as people write it: `http://host:port`, `host:port`, or a port of this machine.
 * @throws CliError when it is none
 */
export function addressOf(admin: string): string {
  const local = /^:?(\d+)$/.exec(admin);
  const text = local ? `http://127.0.0.1:${local[1]}` : /^[a-z][a-z0-9+.-]*:\/\//i.test(admin) ? admin : `http://${admin}`;
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text))
    throw new CliError(`'${admin}' is no address: write --admin http://127.0.0.1:3001, or only host and port`);
  return text.replace(/\/+$/, '');
}

/** Asks the admin interface of a running process. @throws CliError */
export async function ask(options: AdminOptions, path: string, body?: unknown): Promise<any> {
  const address = addressOf(options.admin);
  let token: string;
  try {
    token = readFileSync(options.tokenFile, 'utf8').trim();
  } catch {
    throw new CliError(
      `${options.tokenFile} cannot be read: start the process first, or name its token file with --token-file (or its folder in DATA_DIR)`,
    );
  }
  let response: Response;
  try {
    response = await fetch(address + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    throw new CliError(
      `${address} does not answer (${cause?.message ?? message}): start the process, or name its address with --admin (or its port in ADMIN_PORT)`,
    );
  }
  const answer = (await response.json()) as { title?: string; detail?: string; errors?: { path: string; message: string }[] };
  if (!response.ok) {
    const issues = (answer.errors ?? []).map((issue) => `\n  ${issue.path}: ${issue.message}`).join('');
    throw new CliError(`${answer.title ?? `status ${response.status}`}: ${answer.detail ?? ''}${issues}`);
  }
  return answer;
}
