/**
 * Counts one request by the same rule as in memory (rate-limit.ts), in one step and by the clock of the server, so that the clocks
 * of replicas do not matter. A key stores how much is used and since when, and expires when its limit is whole again.
 *
 * KEYS[1] the key; ARGV count, window in milliseconds, tolerance. Returns whether it is allowed, and how much is used now.
 */
export const GCRA = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local count, window, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used = 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local before, at = string.match(kept, '^(%S+) (%S+)$')
  -- A clock that was set back drains nothing; time then counts from the new value.
  used = math.max(0, tonumber(before) - math.max(0, now - tonumber(at)) * count / window)
end
local allowed = 0
if used + 1 <= count + tolerance then
  allowed = 1
  used = used + 1
  redis.call('SET', KEYS[1], string.format('%.17g %.17g', used, now), 'PX', math.ceil(used * window / count) + 1)
end
return { allowed, string.format('%.17g', used) }
`;
