import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'ramet/runtime';
import app, { dataDir } from './topology.ts';

const runtime = await run(app, {
  logLevel: process.env.LOG_LEVEL || 'warn',
  ports: { web: Number(process.env.PORT || 3000) },
  admin: { port: Number(process.env.ADMIN_PORT || 3001), tokenFile: join(dataDir, 'admin.token') },
});
// For `kill -9 "$(cat .data/app.pid)"`.
const pidFile = join(dataDir, 'app.pid');
writeFileSync(pidFile, String(process.pid));
process.once('exit', () => rmSync(pidFile, { force: true }));
console.log(`ready http://127.0.0.1:${runtime.ports.web}`);
