/** The shape of a table. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** The columns of its primary key, in their order; empty where it has none. */
  readonly key: readonly string[];
}

/** A column of a {@link Table}. */
export interface Column {
  readonly name: string;
  /** Whole numbers have a type of their own because 64 bits do not fit a JavaScript number. Generated columns are excluded. */
  readonly type: 'integer' | 'other';
}
