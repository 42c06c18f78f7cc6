/** A secret, which reveals its value only on request, such as `secrets.get(name)`. */
export interface Revealed {
  reveal(): string;
}

/**
 * Where an adapter gets a URL or a credential: the text itself, a secret, or a function that returns one of these. Functions and
 * secrets are read again for each new connection, so that a password can be replaced while a process runs.
 */
export type Source<A extends readonly unknown[] = []> = string | Revealed | ((...of: A) => string | Revealed | Promise<string | Revealed>);

/** Reads the text that a source holds now. @throws the error of the function or of the secret */
export async function sourced<A extends readonly unknown[]>(source: Source<A>, ...of: A): Promise<string> {
  const given = typeof source === 'function' ? await source(...of) : source;
  return typeof given === 'string' ? given : given.reveal();
}
