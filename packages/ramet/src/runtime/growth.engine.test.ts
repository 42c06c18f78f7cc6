import { expect, test } from 'vitest';
import { postgres } from '../store/postgres/index.ts';
import { newPlace } from '../store/postgres/place.fixture.ts';
import { agedBy, numbersOfPostgres } from './fixtures/grown.fixture.ts';
import { hot, scanning } from './fixtures/growth.fixture.ts';
import { startLived } from './fixtures/lived.fixture.ts';
import { pagesOf } from './fixtures/plans.fixture.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';

const AGE = { rows: 1_000_000, open: 100_000 };
/** Pages that a statement may read: a few levels of a few indexes, and some for each row that it gives. */
const PAGES = 120;
const PAGES_A_ROW = 12;

process.env['RAMET_GROWTH'] = 'full';
await import('./growth.test.ts');

test('with a million rows in each table PostgreSQL looks up every statement, and reads a few pages for it', async () => {
  using folder = temporaryFolder();
  await using place = await newPlace(undefined, ['orders', 'stock']);
  const store = () => postgres((service) => place.urls[service] as string, { partitions: 4, connections: 8, readers: 4 });
  {
    await using lived = await startLived(folder.path, store());
    await lived.live('first');
  }
  await Promise.all(
    (['orders', 'stock'] as const).map((service) =>
      place.admin(
        [
          `set search_path = ${place.prefix}${service}; set synchronous_commit = off; set maintenance_work_mem = '256MB'`,
          ...agedBy(service, AGE, numbersOfPostgres, Date.now()),
          'analyze',
        ].join(';\n'),
      ),
    ),
  );
  await using grown = await startLived(folder.path, store());
  await grown.live('now');
  expect((await scanning(grown.recorded)).join('\n')).toBe('');
  const many: string[] = [];
  for (const { service, sql, params } of hot(grown.recorded)) {
    const { pages, rows } = await pagesOf(grown.recorded.store(service), sql, params).catch(() => ({ pages: 0, rows: 0 }));
    if (pages > PAGES + PAGES_A_ROW * rows) many.push(`${pages} pages for ${rows} rows: ${sql}`);
  }
  expect(many.join('\n')).toBe('');
}, 600_000);
