import type { Attributes } from '@opentelemetry/api';

/** The value of a label; undefined omits the label. */
export type LabelValue = string | number | boolean | undefined;
/** Labels by name. Keep the values few: a route, not an address; an outcome, not a message. */
export type Labels<Name extends string = string> = Readonly<Record<Name, LabelValue>>;

/** How many series one instrument may have, including the one for all further label sets. */
export const MAX_SERIES = 1_000;

const LABEL_NAME = /^[a-zA-Z][a-zA-Z0-9]*(_[a-zA-Z0-9]+)*$/;
const NONE: Attributes = {};

/** A step from label values to their series: one per label, in the order in which the code writes them. */
interface SeriesNode {
  label: string | undefined;
  readonly next: Map<LabelValue, SeriesNode>;
  attributes: Attributes | undefined;
}

/**
 * The label sets of one instrument, limited in number: values from outside (a path, an id) would fill the memory of this process and of
 * Prometheus. Beyond the limit, new sets are counted together under `other`.
 */
export class SeriesTable {
  readonly #instrument: string;
  readonly #root: SeriesNode = { label: undefined, next: new Map(), attributes: undefined };
  readonly #distinct = new Map<string, Attributes>();
  #other: Attributes | undefined;

  constructor(instrument: string) {
    this.#instrument = instrument;
  }

  /** Returns the one object that stands for these labels, in whatever order they are written. */
  of(labels: Labels | undefined): Attributes {
    if (labels === undefined) return NONE;
    // One look-up per label: joining the values to a key costs more than counting.
    let node: SeriesNode | undefined = this.#root;
    for (const label in labels) {
      if (node.label !== label) return this.#learn(labels);
      node = node.next.get(labels[label]);
      if (node === undefined) return this.#learn(labels);
    }
    return node.attributes ?? this.#learn(labels);
  }

  #learn(labels: Labels): Attributes {
    if (this.#other) return this.#other;
    const entries = Object.entries(labels).filter(([, value]) => value !== undefined);
    for (const [name] of entries) {
      if (LABEL_NAME.test(name) && name !== 'le') continue;
      throw new RangeError(`'${name}' is not a name for a label of '${this.#instrument}': use letters, digits and single underscores`);
    }
    const sorted = JSON.stringify(entries.map(([name, value]) => [name, String(value)]).sort());
    let attributes = this.#distinct.get(sorted);
    if (!attributes) {
      if (this.#distinct.size >= MAX_SERIES - 1) {
        this.#other = Object.fromEntries(entries.map(([name]) => [name, 'other']));
        return this.#other;
      }
      attributes = Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
      this.#distinct.set(sorted, attributes);
    }
    this.#remember(labels, attributes);
    return attributes;
  }

  /** Remembers one order of the labels: code that writes them in another order takes the slow path each time. */
  #remember(labels: Labels, attributes: Attributes): void {
    let node = this.#root;
    for (const label in labels) {
      node.label ??= label;
      if (node.label !== label) return;
      let next = node.next.get(labels[label]);
      if (!next) {
        next = { label: undefined, next: new Map(), attributes: undefined };
        node.next.set(labels[label], next);
      }
      node = next;
    }
    node.attributes = attributes;
  }
}
