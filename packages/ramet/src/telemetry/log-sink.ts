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
 * Writes to standard error, because standard output carries the `ready …` line. On POSIX, Node never blocks on a pipe here, and
 * a write that nobody reads does not keep the process from ending; one through the thread pool does (measured: `process.exit`
 * then waits until somebody kills the process).
 */
export function standardError(): LogWriter {
  // The failure of each write goes to its callback; without a listener the event would end the process.
  if (!process.stderr.listeners('error').includes(ignore)) process.stderr.on('error', ignore);
  let torn = false;
  return (chunk) =>
    new Promise<void>((resolve, reject) => {
      // A disk that filled up may have taken half a line: without the break the next line would be lost with it.
      const text = torn ? `\n${chunk}` : chunk;
      process.stderr.write(text, (error) => {
        torn = error != null;
        if (error) reject(error);
        else resolve();
      });
    });
}

function ignore(): void {}
