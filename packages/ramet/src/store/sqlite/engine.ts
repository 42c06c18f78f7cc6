import { type SelectModifierNode, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { engineOf } from '../kysely.ts';

const LOCKS = new Set(['ForUpdate', 'ForNoKeyUpdate', 'ForShare', 'ForKeyShare', 'NoWait', 'SkipLocked']);

/** Transactions run one after another here, so locks such as `forUpdate()` are not needed: a handler has one text for every engine. */
class Compiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier === undefined || !LOCKS.has(node.modifier)) super.visitSelectModifier(node);
  }
}

/** The SQL of SQLite, for Kysely. */
export const ENGINE = engineOf(new Compiler(), new SqliteAdapter(), (db) => new SqliteIntrospector(db));
