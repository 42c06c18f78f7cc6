import { createServer, type ServerResponse } from 'node:http';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { closeHttp, listen, type Running } from '../child-process.ts';
import { Mailbox } from './mailbox.ts';

/** Where a mail catcher keeps messages and listens. Port 0 takes any free port. */
export interface MailOptions {
  readonly dataDir: string;
  readonly smtpPort: number;
  readonly mailPort: number;
}

/** A running mail catcher; `port` is the one of its HTTP API. */
export interface RunningMail extends Running {
  readonly smtpPort: number;
}

const maxMessageBytes = 10 * 1024 * 1024;

/** Starts a mail catcher: it takes every message by SMTP, delivers none, and shows them over HTTP. */
export async function createMail({ dataDir, smtpPort, mailPort }: MailOptions): Promise<RunningMail> {
  const mailbox = new Mailbox(dataDir);
  const smtp = smtpServer(mailbox);
  const http = httpServer(mailbox);
  const close = async () => {
    await Promise.all([new Promise<void>((resolve) => smtp.close(resolve)), closeHttp(http)]);
    mailbox.close();
  };
  try {
    const ports = await Promise.all([listen(smtp.server, smtpPort), listen(http, mailPort)]);
    return { smtpPort: ports[0], port: ports[1], close };
  } catch (error) {
    await close();
    throw error;
  }
}

function smtpServer(mailbox: Mailbox): SMTPServer {
  const smtp = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: maxMessageBytes,
    closeTimeout: 1_000,
    onData(stream, session, callback) {
      receive(mailbox, stream, session).then(() => callback(), callback);
    },
  });
  // Without a listener a client that breaks its connection would end this process. A port in use is seen by listen().
  smtp.on('error', () => {});
  return smtp;
}

/** Resolves once the message is on disk, and only then the client gets its acknowledgement. */
async function receive(mailbox: Mailbox, stream: SMTPServerDataStream, { envelope }: SMTPServerSession): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (!stream.sizeExceeded) chunks.push(chunk);
  }
  if (stream.sizeExceeded) throw Object.assign(new Error('Message is too large'), { responseCode: 552 });
  const from = envelope.mailFrom ? envelope.mailFrom.address : '';
  const to = envelope.rcptTo.map((recipient) => recipient.address);
  try {
    mailbox.store({ from, to, raw: Buffer.concat(chunks) });
  } catch (error) {
    console.error('mail could not store a message:', error);
    throw Object.assign(new Error('Message could not be stored, try again later'), { responseCode: 451 });
  }
}

function httpServer(mailbox: Mailbox) {
  // Longer than clients keep idle connections, so that none of them writes into one that is just being closed.
  return createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const [path = '', query] = (request.url ?? '').split('?', 2);
    try {
      if (request.method === 'GET' && path === '/messages') {
        const filter = new URLSearchParams(query);
        send(response, 200, { items: mailbox.messages({ to: filter.get('to') ?? '', subject: filter.get('subject') ?? '' }) });
      } else if (request.method === 'GET' && path === '/health') {
        send(response, 200, { status: 'ok' });
      } else {
        send(response, 404, { error: 'not_found' });
      }
    } catch (error) {
      console.error('mail failed to answer:', error);
      send(response, 500, { error: 'internal' });
    }
  });
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
