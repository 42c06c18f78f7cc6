/**
 * Ends this process, as `kill -9` does, when it comes to a named point of the platform: `saga.called#3` at the third time.
 * Tests use it to stop the shop at each of its worst moments, one by one.
 */
export function stopAt(spec: string | undefined): ((site: string) => undefined) | undefined {
  if (!spec) return undefined;
  const [site, nth = '1'] = spec.split('#') as [string, string?];
  let left = Number(nth);
  return (reached) => {
    if (reached !== site || --left > 0) return undefined;
    process.kill(process.pid, 'SIGKILL');
    // The signal takes effect before the next system call: nothing of what follows may be written.
    for (;;);
  };
}
