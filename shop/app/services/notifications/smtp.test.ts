import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, expect, test } from 'vitest';
import { type Mail, Refused, sendMail } from './smtp.ts';

let server: SMTPServer | undefined;
afterEach(async () => {
  await new Promise<void>((resolve) => (server ? server.close(resolve) : resolve()));
  server = undefined;
});

const mail: Mail = {
  messageId: '<1@ramet.shop>',
  to: 'ada@example.org',
  subject: 'Hello',
  text: 'Dear Ada,\n',
  date: new Date('2026-03-01T12:00:00Z'),
};

function serve(options: SMTPServerOptions): Promise<number> {
  const smtp = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], closeTimeout: 100, ...options });
  smtp.on('error', () => {});
  server = smtp;
  return new Promise((resolve) => {
    const listening = smtp.listen(0, '127.0.0.1', () => resolve((listening.address() as AddressInfo).port));
  });
}

test('a mail arrives with the Message-ID and the date that it was given', async () => {
  let received = '';
  const port = await serve({
    onData(stream, _session, done) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        received += chunk;
      });
      stream.on('end', () => done());
    },
  });
  await sendMail(mail, new AbortController().signal, port);
  expect(received).toContain('Message-ID: <1@ramet.shop>');
  expect(received).toContain('Date: Sun, 01 Mar 2026 12:00:00 +0000');
  expect(received).toContain('To: ada@example.org');
});

test('a mail that the server refuses for good is distinguished from one that it could not accept now', async () => {
  const refusing = (responseCode: number) => ({
    onRcptTo: (_address: unknown, _session: unknown, done: (error?: Error | null) => void) =>
      done(Object.assign(new Error('no'), { responseCode })),
  });
  const port = await serve(refusing(550));
  await expect(sendMail(mail, new AbortController().signal, port)).rejects.toBeInstanceOf(Refused);
  await new Promise<void>((resolve) => server?.close(resolve));
  const busy = await serve(refusing(451));
  await expect(sendMail(mail, new AbortController().signal, busy)).rejects.not.toBeInstanceOf(Refused);
});

test('a server that is not there is no refusal', async () => {
  const port = await serve({});
  await new Promise<void>((resolve) => server?.close(resolve));
  server = undefined;
  await expect(sendMail(mail, new AbortController().signal, port)).rejects.not.toBeInstanceOf(Refused);
});
