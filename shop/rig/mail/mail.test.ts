import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nodemailer from 'nodemailer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoredMessage } from './mailbox.ts';
import { createMail, type RunningMail } from './server.ts';

let dataDir: string;
let mail: RunningMail | undefined;
let child: ChildProcess | undefined;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'mail-'));
});

afterEach(async () => {
  await mail?.close();
  mail = undefined;
  if (child && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(dataDir, { recursive: true });
});

async function start(): Promise<RunningMail> {
  mail = await createMail({ dataDir, smtpPort: 0, mailPort: 0 });
  return mail;
}

async function launch(): Promise<{ port: number; smtpPort: number }> {
  const env = { ...process.env, DATA_DIR: dataDir, SMTP_PORT: '0', MAIL_PORT: '0' };
  child = fork(join(import.meta.dirname, 'main.ts'), { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [message] = await once(child, 'message');
  expect(message).toEqual({ ready: true, port: expect.any(Number), smtpPort: expect.any(Number) });
  return message;
}

const transport = (port: number) => nodemailer.createTransport({ host: '127.0.0.1', port });
const plain = { from: 'shop@example.test', to: 'ann@example.test', subject: 'Hello', text: 'Hi' };

async function messages(port: number, query: Record<string, string> = {}): Promise<StoredMessage[]> {
  const response = await fetch(`http://127.0.0.1:${port}/messages?${new URLSearchParams(query)}`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { items: StoredMessage[] }).items;
}

/** Speaks SMTP by hand, for messages that no mailer would send. */
async function deliverRaw(port: number, message: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  let reply = '';
  for (const line of ['', 'HELO x', 'MAIL FROM:<>', 'RCPT TO:<ann@example.test>', 'DATA', `${message}\r\n.`]) {
    if (line) socket.write(`${line}\r\n`, 'latin1');
    [reply] = await once(socket, 'data');
  }
  socket.end();
  return reply;
}

test('a message is shown with its envelope, subject, text and headers', async () => {
  const { port, smtpPort } = await start();
  const before = Date.now();
  await transport(smtpPort).sendMail({
    from: 'The shop <shop@example.test>',
    to: ['ann@example.test', 'Bob <bob@example.test>'],
    subject: 'Your order 17',
    text: 'Hello Ann,\n\n.a line with a dot\nBye\n',
    messageId: '<order-17@shop>',
    headers: { 'X-Order': '17' },
  });
  const [message, ...others] = await messages(port);
  expect(others).toEqual([]);
  expect(message).toMatchObject({
    id: 1,
    messageId: '<order-17@shop>',
    from: 'shop@example.test',
    to: ['ann@example.test', 'bob@example.test'],
    subject: 'Your order 17',
    text: 'Hello Ann,\n\n.a line with a dot\nBye',
    headers: { 'x-order': '17', from: 'The shop <shop@example.test>' },
  });
  expect(Date.parse(message?.receivedAt ?? '')).toBeGreaterThanOrEqual(before);
});

test('subjects and texts in any language arrive as they were written', async () => {
  const { port, smtpPort } = await start();
  const subject = 'Bestätigung für Ihre Bestellung – vielen herzlichen Dank, 注文を受け付けました, и спасибо 🎉 bis bald';
  const text = `Größe: XL = „extra“ 🎉\n${'ein sehr langer Satz, der umgebrochen wird, '.repeat(20)}\nEnde`;
  for (const textEncoding of ['quoted-printable', 'base64'] as const) {
    await transport(smtpPort).sendMail({ ...plain, subject, text, textEncoding });
  }
  for (const message of await messages(port)) expect(message).toMatchObject({ subject, text });
});

test('the plain text of a message with HTML and attachments is shown', async () => {
  const { port, smtpPort } = await start();
  const attachments = [{ filename: 'invoice.txt', content: 'not the text' }];
  await transport(smtpPort).sendMail({ ...plain, text: 'plain äöü', html: '<p>html</p>', attachments });
  await transport(smtpPort).sendMail({ ...plain, text: undefined, html: '<p>only html</p>' });
  expect((await messages(port)).map((message) => message.text)).toEqual(['plain äöü', '<p>only html</p>']);
});

test('folded headers, cut characters and other charsets are put together', async () => {
  const { port, smtpPort } = await start();
  const message = [
    'Subject: =?utf-8?B?w6TD?=',
    ' =?UTF-8*de?B?tsO8?= and',
    '\t=?iso-8859-1?Q?caf=E9_=3D?=  raw',
    'X-Twice: 1',
    'X-Twice: 2',
    'not a header',
    'Content-Type: text/plain; charset="iso-8859-1"',
    '',
    'caf\xe9',
  ];
  expect(await deliverRaw(smtpPort, message.join('\r\n'))).toMatch(/^250/);
  expect(await messages(port)).toMatchObject([
    { from: '', messageId: null, subject: 'äöü and café =  raw', text: 'café', headers: { 'x-twice': '1\n2' } },
  ]);
});

test('malformed messages are taken and stored', async () => {
  const { port, smtpPort } = await start();
  const broken = [
    '',
    'no header at all',
    'Content-Type: multipart/mixed\r\n\r\nno boundary',
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=none-such\r\n\r\ncut off',
    'Subject: =?none-such?Q?a=C3=A4=ZZ?= =?x?\r\n\r\nbody',
    '__proto__: 1\r\n\r\nbody',
  ];
  for (const message of broken) expect(await deliverRaw(smtpPort, message)).toMatch(/^250/);
  expect((await messages(port)).map((message) => message.text)).toEqual(['', '', '', 'cut off', 'body', 'body']);
  expect((await messages(port))[4]?.subject).toBe('aä=ZZ =?x?');
});

test('messages are found by recipient and by a part of the subject', async () => {
  const { port, smtpPort } = await start();
  await transport(smtpPort).sendMail({ ...plain, subject: 'Order 1' });
  await transport(smtpPort).sendMail({ ...plain, subject: 'Order 2', bcc: 'Eve@example.test' });
  await transport(smtpPort).sendMail({ ...plain, subject: 'Other', to: 'eve@example.test' });
  const subjects = async (query: Record<string, string>) => (await messages(port, query)).map((message) => message.subject);
  expect(await subjects({})).toEqual(['Order 1', 'Order 2', 'Other']);
  expect(await subjects({ to: 'EVE@example.test', subject: '' })).toEqual(['Order 2', 'Other']);
  expect(await subjects({ to: 'eve@example.test', subject: 'Order' })).toEqual(['Order 2']);
  expect(await subjects({ subject: 'Order 1' })).toEqual(['Order 1']);
  expect(await subjects({ to: 'absent@example.test' })).toEqual([]);
});

test('two deliveries with one Message-ID are both stored', async () => {
  const { port, smtpPort } = await start();
  for (let delivery = 0; delivery < 2; delivery++) await transport(smtpPort).sendMail({ ...plain, messageId: '<same@shop>' });
  expect((await messages(port)).map((message) => message.messageId)).toEqual(['<same@shop>', '<same@shop>']);
});

test('neither encryption nor a login is offered', async () => {
  const { smtpPort } = await start();
  const socket = connect(smtpPort, '127.0.0.1').setEncoding('latin1');
  await once(socket, 'data');
  socket.write('EHLO x\r\n');
  const [reply] = await once(socket, 'data');
  socket.destroy();
  expect(reply).toMatch(/^250/);
  expect(reply).not.toMatch(/AUTH|STARTTLS/);
});

test('a message that is cut off is not stored, and the catcher lives on', async () => {
  const { port, smtpPort } = await start();
  const socket = connect(smtpPort, '127.0.0.1').setEncoding('latin1');
  for (const line of ['', 'HELO x', 'MAIL FROM:<>', 'RCPT TO:<ann@example.test>', 'DATA']) {
    if (line) socket.write(`${line}\r\n`);
    await once(socket, 'data');
  }
  socket.write('Subject: half\r\n\r\nbody\r\n');
  socket.destroy();
  await transport(smtpPort).sendMail(plain);
  expect((await messages(port)).map((message) => message.subject)).toEqual(['Hello']);
});

test('a message over the limit is refused', async () => {
  const { port, smtpPort } = await start();
  await expect(transport(smtpPort).sendMail({ ...plain, text: 'x'.repeat(11_000_000) })).rejects.toThrow(/552/);
  expect(await messages(port)).toEqual([]);
});

test('unknown addresses of the HTTP API are not found', async () => {
  const { port } = await start();
  for (const path of ['/', '/nothing', '//', '/messages/1']) {
    expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404);
  }
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
});

test('every acknowledged message survives a SIGKILL of the process', async () => {
  const { smtpPort } = await launch();
  const pool = nodemailer.createTransport({ host: '127.0.0.1', port: smtpPort, pool: true });
  const acknowledged: string[] = [];
  const sending = Array.from({ length: 40 }, async (_, n) => {
    await pool.sendMail({ ...plain, subject: `mail ${n}` });
    acknowledged.push(`mail ${n}`);
    if (acknowledged.length === 10) child?.kill('SIGKILL');
  });
  await Promise.allSettled(sending);
  pool.close();
  expect(acknowledged.length).toBeGreaterThanOrEqual(10);

  const { port } = await launch();
  const stored = (await messages(port)).map((message) => message.subject);
  expect(stored).toEqual(expect.arrayContaining(acknowledged));
});

test('the process closes in good order on SIGTERM, and ends when its parent lets go of it', async () => {
  await launch();
  child?.kill('SIGTERM');
  expect(await once(child as ChildProcess, 'exit')).toEqual([0, null]);
  await launch();
  child?.disconnect();
  expect(await once(child as ChildProcess, 'exit')).toEqual([0, null]);
});
