import { RedisScript } from './redis-script.ts'

/**
 * What each script does first.
 *
 * KEYS: state (a hash), members (by the end of their membership), applied (by the last purge that they have applied), log
 * (purges by number). ARGV[1..7]: epoch and position of the caller, its name, how long a membership is held, how long all
 * members may be silent, how long purges are kept, a name for a new epoch. Times are in milliseconds, on Redis's clock.
 *
 * Purges are numbered by Redis's clock in microseconds, at least 1,000 above the one before: so a number is above all
 * others even when the state that counted them is gone, and a process that has to number a purge by itself has room.
 *
 * A new epoch begins when there is no state (a new server, FLUSHALL), when a part of it is missing (eviction), or when
 * a member has applied what is not in the log (a replica took over that had not heard of it). It begins with a purge of
 * everything, and with a member `*` that nobody is: it holds purges up until those who are not known any more have lapsed.
 * The same member comes after a silence of all, which may be a log put back to an older state, or a clock that stepped.
 */
const prelude = `
local state, members, applied, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local position, member = tonumber(ARGV[2]), ARGV[3]
local holdMs, silenceMs, keepMs = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local nowMs = math.floor(nowUs / 1000)
local function text (number) return string.format('%.0f', number) end

local found = redis.call('HMGET', state, 'epoch', 'sequence', 'floor', 'hard', 'lost', 'heard', 'members', 'log', 'settled')
local epoch, sequence, floor, hard = found[1], tonumber(found[2]), tonumber(found[3]), tonumber(found[4])
local lost, heard, settled = found[5], tonumber(found[6]), tonumber(found[9])
local anew = not epoch
local memberCount = redis.call('ZCARD', members)
local isWhole = memberCount == tonumber(found[7]) and memberCount == redis.call('ZCARD', applied) and
  redis.call('ZCARD', log) == tonumber(found[8])
if epoch and not isWhole then
  anew, lost = true, '1'
elseif epoch == ARGV[1] and position > floor and redis.call('ZCOUNT', log, text(position), text(position)) == 0 then
  anew, lost = true, '1'
elseif anew then
  lost = '0'
end
if anew then
  redis.call('DEL', members, applied, log)
  epoch = text(nowUs) .. '-' .. ARGV[7]
  sequence = math.max(nowUs, (sequence or 0) + 1000, position + 1000)
  floor, hard, settled = sequence, sequence - 1, 0
  redis.call('HSET', state, 'epoch', epoch, 'sequence', text(sequence), 'floor', text(floor), 'hard', text(hard), 'lost', lost)
end
if not anew and nowMs < heard then
  for _, each in ipairs(redis.call('ZRANGE', members, 0, -1)) do redis.call('ZADD', members, nowMs + holdMs, each) end
end
if anew or nowMs < heard or nowMs - heard > silenceMs then
  redis.call('ZADD', members, nowMs + holdMs, '*')
  redis.call('ZADD', applied, 0, '*')
end
local dead = redis.call('ZRANGEBYSCORE', members, '-inf', nowMs)
if #dead > 0 then
  redis.call('ZREM', members, unpack(dead))
  redis.call('ZREM', applied, unpack(dead))
end

local function finish ()
  local lowest = redis.call('ZRANGE', applied, 0, 0, 'WITHSCORES')
  local all = tonumber(lowest[2]) or sequence
  redis.call('HSET', state, 'heard', nowMs, 'settled', text(all),
    'members', redis.call('ZCARD', members), 'log', redis.call('ZCARD', log))
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, keepMs + holdMs) end
  if all > settled then redis.call('PUBLISH', ARGV[8], 'settled ' .. text(all)) end
end
`

/**
 * A member says how far it is, in ARGV[1] and [2]; ARGV[9] records are told at most.
 *
 * Answer: epoch, sequence, floor, hard floor, lost, whether it is a member now, then the records.
 */
export const syncScript: RedisScript = new RedisScript(`${prelude}
local known = epoch == ARGV[1]
if known then
  redis.call('ZADD', members, nowMs + holdMs, member)
  redis.call('ZADD', applied, text(position), member)
end
finish()
local from = known and math.max(position, floor) or floor
local records = redis.call('ZRANGEBYSCORE', log, '(' .. text(from), '+inf', 'LIMIT', 0, tonumber(ARGV[9]))
return {epoch, text(sequence), text(floor), text(hard), lost, known and 1 or 0, unpack(records)}
`)

/**
 * Numbers a purge and sends it to all. ARGV[9]: its mode, [10]: its tags as JSON, [11]: purges that are kept at most.
 *
 * Purges older than the longest time for which anything is kept, or beyond that number, are dropped: what was made before
 * them counts as purged (`floor`).
 *
 * Answer: epoch, sequence, then those who have to apply it.
 */
export const appendScript: RedisScript = new RedisScript(`${prelude}
local previous = sequence
sequence = math.max(nowUs, previous + 1000)
local record = table.concat({text(sequence), text(previous), epoch, ARGV[9], ARGV[10]}, ' ')
redis.call('ZADD', log, text(sequence), record)
local surplus = redis.call('ZCARD', log) - tonumber(ARGV[11])
local old = redis.call('ZCOUNT', log, '-inf', text(nowUs - keepMs * 1000))
local drop = math.min(math.max(surplus, old), 100)
if drop > 0 then
  for _, dropped in ipairs(redis.call('ZRANGE', log, 0, drop - 1)) do
    local number, mode = string.match(dropped, '^(%d+) %d+ %S+ (%a+)')
    floor = tonumber(number)
    if mode == 'hard' then hard = floor end
  end
  redis.call('ZREMRANGEBYRANK', log, 0, drop - 1)
end
redis.call('HSET', state, 'sequence', text(sequence), 'floor', text(floor), 'hard', text(hard))
finish()
redis.call('PUBLISH', ARGV[8], record)
return {epoch, text(sequence), unpack(redis.call('ZRANGE', members, 0, -1))}
`)

/**
 * How many of those who have to apply a purge have. ARGV[9]: its epoch, [10]: its number, then their names.
 *
 * Answer: acknowledged, lapsed, pending; or nothing when its epoch is over.
 */
export const progressScript: RedisScript = new RedisScript(`${prelude}
finish()
if epoch ~= ARGV[9] then return false end
local acknowledged, lapsed, pending = 0, 0, 0
for i = 11, #ARGV do
  local score = redis.call('ZSCORE', applied, ARGV[i])
  if not score then lapsed = lapsed + 1
  elseif tonumber(score) >= tonumber(ARGV[10]) then acknowledged = acknowledged + 1
  else pending = pending + 1 end
end
if redis.call('ZSCORE', applied, '*') then pending = pending + 1 end
return {acknowledged, lapsed, pending}
`)

/** The caller ends its membership. */
export const leaveScript: RedisScript = new RedisScript(`${prelude}
redis.call('ZREM', members, member)
redis.call('ZREM', applied, member)
finish()
return 1
`)
