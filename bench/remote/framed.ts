import type { Socket } from 'node:net';

const HEADER = 8;

/** Frames on a socket. @returns sends one */
export function framed(socket: Socket, received: (id: number, value: any) => void): (id: number, value: unknown) => void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= HEADER) {
      const length = bytes.readUInt32BE(at);
      if (bytes.length - at < HEADER + length) break;
      received(bytes.readUInt32BE(at + 4), JSON.parse(bytes.toString('utf8', at + HEADER, at + HEADER + length)));
      at += HEADER + length;
    }
    rest = bytes.subarray(at);
  });
  let gathered: Buffer[] = [];
  return (id, value) => {
    if (gathered.length === 0)
      process.nextTick(() => {
        socket.write(gathered.length === 1 ? (gathered[0] as Buffer) : Buffer.concat(gathered));
        gathered = [];
      });
    const text = JSON.stringify(value);
    const frame = Buffer.allocUnsafe(HEADER + text.length * 3);
    const length = frame.write(text, HEADER);
    frame.writeUInt32BE(length, 0);
    frame.writeUInt32BE(id, 4);
    gathered.push(frame.subarray(0, HEADER + length));
  };
}
