import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * `npm run shop -- block <email>`, `unblock <email>` and `receive <sku> <quantity>`: what the people behind the counter do,
 * over the admin interface of the running shop.
 */
const USAGE = `usage: npm run shop -- block <email>
       npm run shop -- unblock <email>
       npm run shop -- receive <sku> <quantity>
`;

interface Task {
  readonly call: { readonly service: string; readonly operation: string; readonly input: object };
  readonly done: string;
}

/** The action; undefined if there is no such action. */
function taskOf([command, subject, count]: readonly string[]): Task | undefined {
  if (!subject) return undefined;
  if (command === 'block' || command === 'unblock')
    return { call: { service: 'users', operation: command, input: { email: subject } }, done: `${subject} is ${command}ed` };
  const quantity = Number(count);
  if (command !== 'receive' || !Number.isInteger(quantity) || quantity < 1) return undefined;
  const input = { items: [{ sku: subject, quantity }] };
  return { call: { service: 'inventory', operation: 'receive', input }, done: `${quantity} ${subject} came in` };
}

const task = taskOf(process.argv.slice(2));
const dataDir = process.env.DATA_DIR || '.data';
const url = `http://127.0.0.1:${process.env.ADMIN_PORT || 3001}/call`;

if (!task) {
  process.stderr.write(USAGE);
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
    body: JSON.stringify(task.call),
  });
  const body = (await response.json()) as { title?: string; detail?: string };
  if (!response.ok) {
    process.stderr.write(`${body.title ?? response.status}${body.detail ? `: ${body.detail}` : ''}\n`);
    process.exit(1);
  }
  process.stdout.write(`${task.done}\n`);
} catch (error) {
  process.stderr.write(`the shop does not answer at ${url} (${(error as Error).message}): start it (npm start), or name its ADMIN_PORT\n`);
  process.exit(1);
}
