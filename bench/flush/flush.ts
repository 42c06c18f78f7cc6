import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a process is started with, so that its flushes take as long as they are to take. */
export interface Flush {
  /** Microseconds on top of what the disk takes; 0 for the disk as it is. */
  readonly us: number;
  readonly env: Readonly<Record<string, string>>;
}

export const DISK: Flush = { us: 0, env: {} };

/** A flush as on a slow disk. Compiles the preload library into a folder of its own, which `dispose` removes. */
export function slowFlush(us: number): Flush & Disposable {
  // Servers run as another user: they must be able to read it.
  const folder = mkdtempSync(join(tmpdir(), 'ramet-bench-flush-'));
  const library = join(folder, 'slow-flush.so');
  execFileSync('chmod', ['755', folder]);
  execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'slow-flush.c'), '-ldl'], { stdio: 'pipe' });
  return {
    us,
    env: { LD_PRELOAD: library, FLUSH_US: String(us) },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
