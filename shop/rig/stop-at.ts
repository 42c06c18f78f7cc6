import { readFileSync, rmSync } from 'node:fs';

/**
 * Ends this process, as `kill -9` does, when it comes to a named point of the platform: `saga.called#3` at the third time.
 * Tests use it to stop the shop at each of its worst moments, one by one. With `@<file>` nothing happens before SIGUSR2: then
 * the point is taken from the file, which is removed to say so, and counting begins.
 */
export function stopAt(spec: string | undefined): ((site: string) => undefined) | undefined {
  if (!spec) return undefined;
  const file = spec.startsWith('@') ? spec.slice(1) : undefined;
  let point = file === undefined ? pointOf(spec) : undefined;
  if (file !== undefined) {
    process.on('SIGUSR2', () => {
      point = pointOf(readFileSync(file, 'utf8').trim());
      rmSync(file);
    });
  }
  return (reached) => {
    if (reached !== point?.site || --point.left > 0) return undefined;
    process.kill(process.pid, 'SIGKILL');
    // The signal takes effect before the next system call: nothing of what follows may be written.
    for (;;);
  };
}

function pointOf(text: string): { readonly site: string; left: number } {
  const [site = '', nth = '1'] = text.split('#');
  return { site, left: Number(nth) };
}
