import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ShopProcess } from './shop-process.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** `npm run shop -- block <email>` and the like, without npm. @returns what it says; @throws when it ends with another code than 0 */
export async function operator(shop: ShopProcess, command: 'block' | 'unblock' | 'receive', ...subject: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['-C', 'ramet-source', 'shop/app/operator.ts', command, ...subject], {
    cwd: root,
    env: shop.environment,
    timeout: 60_000,
  });
  return stdout;
}
