import { pino } from 'pino';

/** Takes whole lines. Throwing or rejecting means that they are lost; until the promise settles, no more are handed over. */
export type LogWriter = (chunk: string) => unknown;

export interface BoundedSink {
  /** Never throws and never waits. */
  write(line: string): void;
  /** Resolves when everything accepted so far was written or lost. */
  flush(): Promise<void>;
  /** How many lines were lost because the destination was slow or refused them. */
  readonly dropped: number;
}

export interface BoundedSinkOptions {
  /** How much may wait for the destination, including what it is writing. */
  readonly maxBufferBytes: number;
  /** The line that says so when the destination works again after lines were lost. */
  readonly notice?: (dropped: number) => string;
}

/**
 * Stands between the log and where it goes, so that a slow reader or a full disk costs lines of log and nothing else: lines
 * wait in memory up to a bound, those beyond it are dropped and counted, and failures of the destination stay here.
 */
export function createBoundedSink(write: LogWriter, { maxBufferBytes, notice }: BoundedSinkOptions): BoundedSink {
  let waiting: string[] = [];
  let waitingBytes = 0;
  let writingBytes = 0;
  let writing = false;
  let dropped = 0;
  let reported = 0;
  let idle: (() => void)[] = [];

  function drain(): void {
    while (!writing && waiting.length > 0) {
      const lines = waiting.length;
      const untold = notice === undefined ? 0 : dropped - reported;
      const chunk = untold > 0 ? notice?.(untold) + waiting.join('') : waiting.join('');
      writing = true;
      writingBytes = waitingBytes;
      waiting = [];
      waitingBytes = 0;
      const settle = (ok: boolean) => {
        writing = false;
        writingBytes = 0;
        if (ok) reported += untold;
        else dropped += lines;
      };
      try {
        const result = write(chunk);
        if (result instanceof Promise) {
          result.then(
            () => {
              settle(true);
              drain();
            },
            () => {
              settle(false);
              drain();
            },
          );
          return;
        }
        settle(true);
      } catch {
        settle(false);
      }
    }
    if (!writing) {
      const waiters = idle;
      idle = [];
      for (const resolve of waiters) resolve();
    }
  }

  return {
    write(line) {
      const bytes = Buffer.byteLength(line);
      if (writingBytes + waitingBytes + bytes > maxBufferBytes) {
        dropped += 1;
        return;
      }
      waiting.push(line);
      waitingBytes += bytes;
      drain();
    },
    flush: () => (writing || waiting.length > 0 ? new Promise((resolve) => idle.push(resolve)) : Promise.resolve()),
    get dropped() {
      return dropped;
    },
  };
}

/**
 * Writes to standard error, because standard output carries the `ready …` line. Through pino's own writer, which writes from
 * another thread: `process.stderr` would hold up the whole process as long as nobody reads the pipe.
 */
export function standardError(): LogWriter {
  const open = () => pino.destination({ dest: 2, sync: false });
  let stream = open();
  let torn = false;
  return (chunk) =>
    new Promise<void>((resolve, reject) => {
      // pino ends the stream when the process seems to be over, which it may survive.
      if ((stream as { destroyed?: boolean }).destroyed) stream = open();
      const current = stream;
      const done = () => {
        current.removeListener('error', failed);
        resolve();
      };
      const failed = (error: Error) => {
        current.removeListener('drain', done);
        // The failed stream keeps the chunk for ever and would put it before the next; nothing is open here but the number 2.
        stream = open();
        torn = true;
        reject(error);
      };
      current.once('drain', done);
      current.once('error', failed);
      // A disk that filled up may have taken half a line: without the break the next line would be lost with it.
      current.write(torn ? `\n${chunk}` : chunk);
      torn = false;
    });
}
