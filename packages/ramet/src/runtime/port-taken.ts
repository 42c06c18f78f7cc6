import { BootError } from '../errors/index.ts';

/** @throws BootError that says what cannot listen, where and why */
export function portTaken(what: string, port: number | undefined, error: unknown): never {
  const taken = (error as { code?: string }).code === 'EADDRINUSE';
  throw new BootError([
    `${what} cannot listen on port ${port} (${taken ? 'it is in use' : (error as Error).message}); stop the program that uses it, or choose another port`,
  ]);
}
