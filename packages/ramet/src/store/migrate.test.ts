import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import { readMigrations, statementsOf } from './migrate.ts';

/** Pieces that do not end a statement, although some look as if they did. */
const PIECES = [
  "'it''s; begin'",
  "''",
  '"a ; name"',
  '`;`',
  '[;]',
  '-- no; end here\n',
  "/* nor 'here; */",
  '$$ begin; end $$',
  '$tag$ ; $$ ; $tag$',
  "E'\\'; '",
  'case when 1 then 2 else 3 end',
  'begin',
  'new.end',
  'end',
  'started_begin',
  'select 1',
  'create table slots (begin bigint, "end" bigint)',
  '\n\t',
];
const TRIGGER = `create temp trigger touched after insert on things begin
  update things set n = case when new.n > 0 then ';' else new.end end; -- or; not
  delete from things where id = ';end;'; end`;

describe('statementsOf', () => {
  test('finds the joined statements, whatever they contain', () => {
    const plain = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }).map((pieces) => `insert ${pieces.join(' ')} x`);
    const statement = fc.tuple(plain, fc.constantFrom(false, false, false, true)).map(([text, trigger]) => (trigger ? TRIGGER : text));
    fc.assert(
      fc.property(
        fc.array(statement, { maxLength: 6 }),
        fc.constantFrom(';', ' ;\n', ';;', '; -- between\n', ';/* ; */'),
        (statements, separator) => {
          const found = statementsOf(statements.join(separator));
          const bare = found.map((text) => text.replace(/^(-- between\n|\/\* ; \*\/|\s)+/, ''));
          expect(bare).toEqual(statements.map((text) => text.trim()));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('finds the same statements as SQLite', () => {
    const script = `
      -- a trigger; with a body
      create table things (id text, begin bigint, n text default ';');
      create table seconds (id text);
      ${TRIGGER};
      create trigger other after delete on things begin select case 1 when 1 then 2 end; insert into seconds values ('a;b'); end;
      create view both as select id from things union select id from seconds
      /* the end; really`;
    const schema = (run: (db: DatabaseSync) => void) => {
      const db = new DatabaseSync(':memory:');
      db.exec('create table guard (id text)');
      run(db);
      const found = db.prepare('select type, name, sql from sqlite_master union all select type, name, sql from sqlite_temp_master').all();
      db.close();
      return found;
    };
    const whole = schema((db) => db.exec(script));
    expect(whole).toHaveLength(6);
    expect(
      schema((db) => {
        for (const statement of statementsOf(script)) db.prepare(statement).run();
      }),
    ).toEqual(whole);
  });

  test('finds nothing in an empty text', () => {
    for (const nothing of ['', ' ; ;\n', '-- only words', '/* ; */;', '/* open']) expect(statementsOf(nothing)).toEqual([]);
  });
});

describe('readMigrations', () => {
  test('reads a folder in order and reports every problem with it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ramet-migrations-'));
    for (const [name, text] of [
      ['0002_second.sql', 'two'],
      ['0001_first.sql', 'one'],
      ['notes.txt', 'no migration'],
    ] as const)
      writeFileSync(join(folder, name), text);
    const url = pathToFileURL(`${folder}/`);
    expect(readMigrations(realPlatform(), url)).toEqual({
      migrations: [
        { name: '0001_first', sql: 'one' },
        { name: '0002_second', sql: 'two' },
      ],
      problems: [],
    });
    writeFileSync(join(folder, '0002_again.sql'), '');
    writeFileSync(join(folder, 'Third.sql'), '');
    const { problems } = readMigrations(realPlatform(), url);
    expect(problems).toEqual([expect.stringContaining('same number'), expect.stringContaining("'Third'")]);
    rmSync(folder, { recursive: true });
    expect(readMigrations(realPlatform(), url).problems).toEqual([expect.stringContaining('cannot be read')]);
    expect(readMigrations(realPlatform(), pathToFileURL(folder)).problems).toEqual([expect.stringContaining('slash')]);
  });

  test('reads a record in the order of its names, and accepts no migrations at all', () => {
    const record = { '0002_b': 'two', '0001_a': 'one' };
    expect(readMigrations(realPlatform(), record).migrations.map(({ name }) => name)).toEqual(['0001_a', '0002_b']);
    expect(readMigrations(realPlatform(), undefined)).toEqual({ migrations: [], problems: [] });
  });
});
