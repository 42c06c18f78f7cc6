import { expect, test } from 'vitest';
import { RametError } from '../errors/index.ts';
import { realPlatform } from '../platform/index.ts';
import { type EventLog, silentLog } from '../telemetry/index.ts';
import { busErrors } from './bus-errors.ts';

function watched() {
  const lines: string[] = [];
  let nowMono = 0;
  const log: EventLog = {
    ...silentLog,
    event: (event, fields) => void lines.push(`${event} ${JSON.stringify({ ...fields, err: undefined })}`),
  };
  const platform = realPlatform();
  const tell = busErrors({ ...platform, clock: { ...platform.clock, monoNow: () => nowMono } }, log);
  const wait = (ms: number) => {
    nowMono += ms;
  };
  return { lines, tell, wait };
}

test('each group and relay warns of an unavailable broker once, and again when that lasts', () => {
  const { lines, tell, wait } = watched();
  const away = new RametError('Unavailable', 'Kafka cannot be reached');
  for (let partition = 0; partition < 24; partition++) tell(away, { group: 'mail', source: 'orders', partition });
  tell(away, { group: 'search', source: 'orders', partition: 0 });
  tell(away, { source: 'orders', doing: 'relay' });
  expect(lines).toEqual([
    'bus_unavailable {"group":"mail","source":"orders","partition":0}',
    'bus_unavailable {"group":"search","source":"orders","partition":0}',
    'bus_unavailable {"source":"orders","doing":"relay"}',
  ]);
  wait(9_999);
  tell(away, { group: 'mail', source: 'orders', partition: 1 });
  expect(lines).toHaveLength(3);
  wait(1);
  tell(new RametError('StoreUnavailable'), { group: 'mail', source: 'orders', partition: 2 });
  expect(lines.at(-1)).toBe('bus_unavailable {"group":"mail","source":"orders","partition":2}');
});

test('everything else is an error, each time', () => {
  const { lines, tell } = watched();
  for (const error of [new TypeError('x'), new RametError('PositionGap'), 'text']) tell(error, { group: 'mail' });
  expect(lines).toEqual(Array.from({ length: 3 }, () => 'bus_failed {"group":"mail"}'));
});
