import { portFromEnv, runChild } from '../child-process.ts';
import { createMail } from './server.ts';

await runChild('mail', () =>
  createMail({
    dataDir: process.env.DATA_DIR || '.data',
    smtpPort: portFromEnv('SMTP_PORT', 3902),
    mailPort: portFromEnv('MAIL_PORT', 3903),
  }),
);
