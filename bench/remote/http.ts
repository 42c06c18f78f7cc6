import { Pool } from 'undici';
import type { Start } from '../core/row.ts';
import { ASKED, answering, calling } from './serve.ts';

const start: Start = async ({ forMs, variant }) => {
  const server = await answering(new URL('./http-answers.ts', import.meta.url), variant);
  const pool = new Pool(`http://127.0.0.1:${server.port}`, { connections: 50 });
  const body = () => JSON.stringify(ASKED);
  const call = async () => {
    const answer = await pool.request({ path: '/price', method: 'POST', headers: { 'content-type': 'application/json' }, body: body() });
    return answer.body.json();
  };
  return calling(call, forMs, async () => {
    await pool.close();
    await server.stop();
  });
};
export default start;
