import { RametError } from '../../errors/index.ts';

/** Ends the waits for brokers that have not answered, when the process ends. */
export class Ending {
  readonly #waiting = new Set<(error: unknown) => void>();
  #ended = false;

  end(): void {
    this.#ended = true;
    for (const reject of this.#waiting) reject(new RametError('ShuttingDown'));
    this.#waiting.clear();
  }

  /**
   * @returns the result of `asked`, which continues alone when the end comes first
   * @throws RametError ShuttingDown when the end comes first
   */
  of<T>(asked: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) reject(new RametError('ShuttingDown'));
      else this.#waiting.add(reject);
      const done = () => this.#waiting.delete(reject);
      asked.then(resolve, reject).then(done, done);
    });
  }
}
