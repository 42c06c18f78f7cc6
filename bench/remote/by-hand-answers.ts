import { type AddressInfo, createServer } from 'node:net';
import { framed } from './framed.ts';
import { answersAt, answerTo } from './serve.ts';

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  const send = framed(socket, (id, asked) => send(id, answerTo(asked)));
}).listen(0, '127.0.0.1', () => answersAt((server.address() as AddressInfo).port));
