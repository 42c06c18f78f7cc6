import { expect, test } from 'vitest';
import { realPlatform } from '../../platform/index.ts';
import { BusDatabase } from './database.ts';
import { namesOf } from './schema.ts';

test('a URL that was unavailable is resolved again by the next query', async () => {
  let asked = 0;
  const source = async () => {
    if (++asked < 3) throw new Error('the vault is sealed');
    return 'postgres://127.0.0.1:1/bus';
  };
  const database = new BusDatabase(realPlatform(), source, namesOf('ramet_bus'));
  await expect(database.setting('max_connections')).rejects.toThrow('the vault is sealed');
  await expect(database.query('one', 'select 1')).rejects.toThrow('the vault is sealed');
  // Nothing listens at that address, and that is an outage.
  await expect(database.query('one', 'select 1')).rejects.toMatchObject({ code: 'Unavailable' });
  expect(asked).toBe(3);
  await database.close();
});
