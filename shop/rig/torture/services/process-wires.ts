import type { RpcPort } from '../../fleet/fleet.ts';
import { freePortNumbers } from '../../harness/shop-process.ts';
import { WireCutter } from './wire-cutter.ts';

/** The ways between processes: a process that takes calls at a port advertises another one, and each way leads from that one to it. */
export class ProcessWires implements AsyncDisposable {
  readonly #wires: ReadonlyMap<number, WireCutter>;

  private constructor(wires: ReadonlyMap<number, WireCutter>) {
    this.#wires = wires;
  }

  /** @param count for so many instances at once, and for some more: a port is not given again at once */
  static async open(count: number): Promise<ProcessWires> {
    const ports = await freePortNumbers(count);
    return new ProcessWires(
      new Map(await Promise.all(ports.map(async (port) => [port, await WireCutter.open({ host: '127.0.0.1', port })] as const))),
    );
  }

  get ports(): readonly RpcPort[] {
    return [...this.#wires].map(([port, { port: advertised }]) => ({ port, advertised }));
  }

  get all(): readonly WireCutter[] {
    return [...this.#wires.values()];
  }

  /** The way to the process that takes calls at this port. */
  to(port: number): WireCutter | undefined {
    return this.#wires.get(port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((wire) => wire[Symbol.asyncDispose]()));
  }
}
