import { expect, test } from 'vitest';
import { embedded } from '../bus/embedded/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { newWorld, travel } from './fixtures/travel.fixture.ts';
import { moveService } from './move.ts';
import { topology } from './topology.ts';

const on = (folder: string) =>
  topology({
    services: Object.fromEntries(
      Object.entries(travel(newWorld())).map(([name, definition]) => [name, async () => ({ default: definition })]),
    ),
    profiles: { monolith: { store: sqlite(folder), bus: embedded() } },
  });

test('a move into the folder where the rows are names that, not another process', async () => {
  using folder = temporaryFolder();
  const move = moveService(on(folder.path), { service: 'trips', to: () => sqlite(folder.path) });
  await expect(move).rejects.toMatchObject({ code: 'MoveRefused', message: expect.stringContaining(`are already in '${folder.path}'`) });
});

test('a move of a service that the topology does not have names those it has', async () => {
  using folder = temporaryFolder();
  const move = moveService(on(folder.path), { service: 'nosuch', to: () => sqlite(`${folder.path}/new`) });
  await expect(move).rejects.toMatchObject({ code: 'MoveRefused', message: expect.stringMatching(/no service 'nosuch'; it has .*trips/) });
});

test('a move that is run again after its end says that it is finished', async () => {
  using folder = temporaryFolder();
  const move = () => moveService(on(folder.path), { service: 'trips', to: () => sqlite(`${folder.path}/new`) });
  await move();
  await expect(move()).rejects.toMatchObject({ code: 'MoveRefused', message: expect.stringContaining('that move is finished') });
});
