import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * `npm run shop -- block <email>` and `unblock <email>`: what the people behind the counter do, over the admin interface of
 * the running shop.
 */
const [, , command, email] = process.argv;
const dataDir = process.env.DATA_DIR || '.data';
const url = `http://127.0.0.1:${process.env.ADMIN_PORT || 3001}/call`;

if ((command !== 'block' && command !== 'unblock') || !email) {
  process.stderr.write('usage: npm run shop -- block <email>\n       npm run shop -- unblock <email>\n');
  process.exit(2);
}

let token: string;
try {
  token = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
} catch {
  process.stderr.write(`there is no ${join(dataDir, 'admin.token')}: start the shop first (npm start), or name its DATA_DIR\n`);
  process.exit(1);
}

try {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ service: 'users', operation: command, input: { email } }),
  });
  const body = (await response.json()) as { title?: string; detail?: string };
  if (!response.ok) {
    process.stderr.write(`${body.title ?? response.status}${body.detail ? `: ${body.detail}` : ''}\n`);
    process.exit(1);
  }
  process.stdout.write(`${email} is ${command}ed\n`);
} catch (error) {
  process.stderr.write(`the shop does not answer at ${url} (${(error as Error).message}): start it (npm start), or name its ADMIN_PORT\n`);
  process.exit(1);
}
