import { connect } from 'node:net';
import type { Start } from '../core/row.ts';
import { framed } from './framed.ts';
import { ASKED, answering, calling } from './serve.ts';

/** Length, id and JSON; no deadline, no cancelling, no error, no bound. */
const start: Start = async ({ forMs }) => {
  const server = await answering(new URL('./by-hand-answers.ts', import.meta.url));
  const socket = connect(server.port, '127.0.0.1');
  socket.setNoDelay(true);
  const waiting = new Map<number, (value: unknown) => void>();
  const send = framed(socket, (id, value) => {
    waiting.get(id)?.(value);
    waiting.delete(id);
  });
  let last = 0;
  const call = () =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      send(last, ASKED);
    });
  return calling(call, forMs, async () => {
    socket.destroy();
    await server.stop();
  });
};
export default start;
