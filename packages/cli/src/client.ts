import { readFileSync } from 'node:fs';

export interface AdminOptions {
  /** Where the process listens for its operators. */
  readonly admin: string;
  /** The file with the token of this start. */
  readonly tokenFile: string;
}

/** Says what went wrong and what to do about it; printed without a stack. */
export class CliError extends Error {}

/** Asks the admin interface of a running process. @throws CliError */
export async function ask(options: AdminOptions, path: string, body?: unknown): Promise<any> {
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
    response = await fetch(options.admin + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    throw new CliError(
      `${options.admin} does not answer (${cause?.message ?? message}): start the process, or name its address with --admin (or its port in ADMIN_PORT)`,
    );
  }
  const answer = (await response.json()) as { title?: string; detail?: string; errors?: { path: string; message: string }[] };
  if (!response.ok) {
    const issues = (answer.errors ?? []).map((issue) => `\n  ${issue.path}: ${issue.message}`).join('');
    throw new CliError(`${answer.title ?? `status ${response.status}`}: ${answer.detail ?? ''}${issues}`);
  }
  return answer;
}
