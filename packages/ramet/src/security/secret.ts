import { inspect } from 'node:util';

const SHOWN = '[secret]';

/**
 * A value that nobody shall see by accident: whatever prints, serialises or logs it gets `[secret]`. Only {@link reveal} gives
 * the value; adapters call it where they connect, and pass nothing on.
 */
export class Secret {
  readonly name: string;
  readonly #read: () => string;

  /** @param read asked at every {@link reveal}, so that a secret that was replaced is found */
  constructor(name: string, read: () => string) {
    this.name = name;
    this.#read = read;
  }

  /**
   * The value as it is now.
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

/** The text of what may be given as it is, or as a secret. */
export const revealed = (value: string | Secret): string => (typeof value === 'string' ? value : value.reveal());
