/** Takes whole lines. If it throws or rejects, they are lost. While its promise is pending it receives no more. */
export type LogWriter = (chunk: string) => unknown;

/** A sink that neither blocks nor throws. */
export interface BoundedSink {
  /** Never throws and never waits. */
  write(line: string): void;
  /** Resolves when everything accepted so far was written or lost. */
  flush(): Promise<void>;
  /** Counts the lines that were lost because the destination was slow or refused them. */
  readonly dropped: number;
}

/** The limits of a sink. */
export interface BoundedSinkOptions {
  /** How many bytes may wait for the destination, including those that it is writing. */
  readonly maxBufferBytes: number;
  /** Makes the line that reports lost lines once the destination works again. */
  readonly notice?: (dropped: number) => string;
}

/**
 * Makes a sink between the log and its destination, so that a slow reader or a full disk loses lines and does nothing worse. Lines wait in
 * memory up to a limit; lines beyond it are dropped and counted. Failures of the destination do not leave the sink.
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
      const unreported = notice === undefined ? 0 : dropped - reported;
      const chunk = unreported > 0 ? notice?.(unreported) + waiting.join('') : waiting.join('');
      writing = true;
      writingBytes = waitingBytes;
      waiting = [];
      waitingBytes = 0;
      const settle = (ok: boolean) => {
        writing = false;
        writingBytes = 0;
        if (ok) reported += unreported;
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
 * a write without a reader does not keep the process from ending. A write through the thread pool does (measured: `process.exit` then
 * waits until the process is killed).
 */
export function standardError(): LogWriter {
  // The failure of each write goes to its callback; without a listener the event would end the process.
  if (!process.stderr.listeners('error').includes(ignore)) process.stderr.on('error', ignore);
  let torn = false;
  return (chunk) =>
    new Promise<void>((resolve, reject) => {
      // A full disk may have taken half a line: without the line break the next line would be lost with it.
      const text = torn ? `\n${chunk}` : chunk;
      process.stderr.write(text, (error) => {
        torn = error != null;
        if (error) reject(error);
        else resolve();
      });
    });
}

function ignore(): void {}
