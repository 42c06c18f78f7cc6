import { createTransport } from 'nodemailer';

export interface Mail {
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly date: Date;
}

/** For a server that accepts the connection and then says nothing. */
const TIMEOUT_MS = 5_000;

/** The mail server refused the mail for good (RFC 5321: a reply of 5xx): the same mail will never pass. */
export class Refused extends Error {}

/**
 * Sends one mail over a connection of its own.
 * @throws Refused when it never will be taken; any other error leaves open whether it was
 */
export async function sendMail(mail: Mail, signal: AbortSignal, port = Number(process.env.SMTP_PORT || 3902)): Promise<void> {
  const transport = createTransport({
    host: '127.0.0.1',
    port,
    secure: false,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const close = () => transport.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    await transport.sendMail({ from: 'Ramet Shop <orders@ramet.shop>', ...mail });
  } catch (error) {
    const { responseCode } = error as { responseCode?: number };
    if (responseCode !== undefined && responseCode >= 500) throw new Refused((error as Error).message, { cause: error });
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
}
