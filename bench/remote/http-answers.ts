import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { type ASKED, answersAt, answerTo } from './serve.ts';

if (process.argv[2] === 'fastify') {
  const server = Fastify();
  server.post('/price', async (request) => answerTo(request.body as typeof ASKED));
  await server.listen({ port: 0, host: '127.0.0.1' });
  answersAt((server.server.address() as AddressInfo).port);
} else {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      const answer = JSON.stringify(answerTo(JSON.parse(body)));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) });
      response.end(answer);
    });
  }).listen(0, '127.0.0.1', () => answersAt((server.address() as AddressInfo).port));
}
