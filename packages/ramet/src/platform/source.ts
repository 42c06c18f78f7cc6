/** A secret: it gives its value only on request. `secrets.get(name)` is one. */
export interface Revealed {
  reveal(): string;
}

/**
 * Where an adapter takes a URL or a credential from: the text itself, a secret, or a function that gives either of these. Functions and
 * secrets are asked again for each new connection, so that a password can be replaced while a process runs.
 */
export type Source<A extends readonly unknown[] = []> = string | Revealed | ((...of: A) => string | Revealed | Promise<string | Revealed>);

/** The text that a source holds now. @throws what the function or the secret throws */
export async function sourced<A extends readonly unknown[]>(source: Source<A>, ...of: A): Promise<string> {
  const given = typeof source === 'function' ? await source(...of) : source;
  return typeof given === 'string' ? given : given.reveal();
}
