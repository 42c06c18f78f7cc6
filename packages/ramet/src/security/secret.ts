import { inspect } from 'node:util';

const SHOWN = '[secret]';

/**
 * A value that must not be shown by accident: printing, serialising or logging it gives `[secret]`. Only {@link reveal} returns the
 * value. Adapters call it where they connect, and do not pass the value on.
 */
export class Secret {
  readonly name: string;
  readonly #read: () => string;

  /** @param read called at every {@link reveal}, so that a replaced secret is found */
  constructor(name: string, read: () => string) {
    this.name = name;
    this.#read = read;
  }

  /**
   * Reads the current value.
   * @throws RametError SecretMissing when there is none, or it cannot be read
   */
  reveal(): string {
    return this.#read();
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

/** Reads a text that was given as it is or as a secret. */
export const revealed = (value: string | Secret): string => (typeof value === 'string' ? value : value.reveal());
