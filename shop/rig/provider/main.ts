import { portFromEnv, runChild } from '../child-process.ts';
import { createProvider } from './server.ts';

await runChild('provider', () => createProvider({ dataDir: process.env.DATA_DIR || '.data', port: portFromEnv('PROVIDER_PORT', 3900) }));
