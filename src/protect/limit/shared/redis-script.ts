import { createHash } from 'node:crypto'

/**
 * One settlement, on Redis's own clock.
 *
 * KEYS[1]: the set of living workers; then one key for each ask.
 * ARGV[1..4]: worker, its life in ms, what of the workers (2: announce this one and count, 1: count, 0: neither,
 * and 0 is answered), lease share; then eight values for each ask: kind, capacity, the kind's own number, take,
 * optional, want, back, and the end of a quota's next period. The kind `hold` sets the worker's slots to `take`.
 *
 * Answer: admitted (0 or 1), workers, then for each ask one text, `lease left wait reset valid`: Redis cuts the
 * fractions of numbers. All times are in milliseconds.
 *
 * A key's state: rate, the theoretical arrival time; sliding, `window current previous`; quota, `end used`;
 * slots, a hash of worker to `slots expiry`. Each expires when it says nothing any more. A time in a state is
 * believed only as far as this clock could have written it, so that a clock that steps back (a replica that
 * takes over) locks nobody out for longer than an empty bucket takes to fill.
 *
 * The arithmetic is that of gcra.ts and sliding-window.ts, whose tests pin both.
 */
const source = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local worker, life, share = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
if ARGV[3] == '2' then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  redis.call('ZADD', KEYS[1], now + life, worker)
  redis.call('PEXPIRE', KEYS[1], math.ceil(life))
end
local workers = 0
if ARGV[3] ~= '0' then workers = math.max(1, redis.call('ZCOUNT', KEYS[1], now, '+inf')) end
local slack = 2 ^ -10

local function number (text, otherwise) return tonumber(text or otherwise) end

local asks, admitted = {}, 1
for i = 2, #KEYS do
  local at = 5 + (i - 2) * 8
  local ask = {
    key = KEYS[i], kind = ARGV[at], capacity = tonumber(ARGV[at + 1]), own = tonumber(ARGV[at + 2]),
    take = tonumber(ARGV[at + 3]), optional = ARGV[at + 4] == '1', want = tonumber(ARGV[at + 5]),
    back = tonumber(ARGV[at + 6]), lease = 0, wait = 0, valid = math.huge
  }
  if ask.kind == 'rate' then
    local tat = math.max(number(redis.call('GET', ask.key) or nil, now), now) - ask.back * ask.own
    ask.tat = math.min(math.max(tat, now), now + ask.capacity * ask.own + slack)
    ask.left = ask.capacity - (ask.tat - now) / ask.own
    ask.wait = (ask.take - ask.left) * ask.own - slack
  elseif ask.kind == 'sliding' then
    local window, fades = math.floor(now / ask.own), 1 - (now % ask.own) / ask.own
    local at, count, before = string.match(redis.call('GET', ask.key) or '', '^(%S+) (%S+) (%S+)$')
    at, count, before = number(at, window), number(count, 0), number(before, 0)
    if at == window - 1 then count, before = 0, count elseif at < window then count, before = 0, 0 end
    ask.window, ask.count, ask.before, ask.fades = window, math.max(0, count - ask.back), before, fades
    ask.left = ask.capacity - ask.count - before * fades
    ask.valid = fades * ask.own
    local room = ask.capacity - ask.take
    if ask.take > ask.left + slack / 1000 then
      if ask.count <= room then ask.wait = (fades - (room - ask.count) / before) * ask.own
      else ask.wait = (fades + 1 - room / ask.count) * ask.own end
    end
  elseif ask.kind == 'quota' then
    local ends, used = string.match(redis.call('GET', ask.key) or '', '^(%S+) (%S+)$')
    local own = ask.own
    if own <= now then own = tonumber(ARGV[at + 7]) end
    ends, used = number(ends, own), number(used, 0)
    if ends < own and (ends <= now or own - ends > 3600000) then ends, used = own, 0 end
    ask.ends, ask.used = ends, math.max(0, used - ask.back)
    ask.left = ask.capacity - ask.used
    ask.valid = math.max(0, ends - now)
    if ask.take > ask.left then ask.wait = math.max(1, ask.valid) end
  else
    local fields, others = redis.call('HGETALL', ask.key), 0
    ask.mine = 0
    for f = 1, #fields, 2 do
      local slots, expiry = string.match(fields[f + 1], '^(%S+) (%S+)$')
      if tonumber(expiry) <= now then redis.call('HDEL', ask.key, fields[f])
      elseif fields[f] == worker then ask.mine = tonumber(slots)
      else others = others + tonumber(slots) end
    end
    ask.mine = math.max(0, ask.mine - ask.back)
    if ask.kind == 'hold' then ask.mine, ask.take = ask.take, 0 end
    ask.left = ask.capacity - others - ask.mine
    if ask.take > ask.left then ask.wait = math.huge end
  end
  if ask.take == 0 or ask.wait <= 0 then ask.wait = 0
  elseif ask.optional then ask.take = 0
  else admitted = 0 end
  asks[i - 1] = ask
end

local answer = { admitted, workers }
for _, ask in ipairs(asks) do
  if admitted == 1 and ask.wait == 0 then
    if ask.want > 0 then
      local room = math.floor((ask.left - ask.take) / workers)
      ask.lease = math.max(0, math.min(ask.want, math.floor(share * ask.capacity / workers), room))
    end
  else
    ask.take = 0
  end
  local spent, reset = ask.take + ask.lease, 0
  local changed = spent > 0 or ask.back ~= 0
  if ask.kind == 'rate' then
    local tat = ask.tat + spent * ask.own
    reset = tat - now
    if changed and reset > 0 then
      redis.call('SET', ask.key, string.format('%.17g', tat), 'PX', math.ceil(reset))
    elseif changed then redis.call('DEL', ask.key) end
  elseif ask.kind == 'sliding' then
    local count = ask.count + spent
    if count > 0 then reset = ask.valid + ask.own elseif ask.before > 0 then reset = ask.valid end
    if changed then
      local state = string.format('%.0f %.17g %.17g', ask.window, count, ask.before)
      redis.call('SET', ask.key, state, 'PX', math.ceil(ask.valid + ask.own))
    end
  elseif ask.kind == 'quota' then
    if ask.used + spent > 0 then reset = ask.valid end
    if changed then
      local state = string.format('%.0f %.17g', ask.ends, ask.used + spent)
      redis.call('SET', ask.key, state, 'PX', math.ceil(ask.valid) + 60000)
    end
  else
    local mine = ask.mine + spent
    if mine > 0 then
      redis.call('HSET', ask.key, worker, string.format('%.17g %.0f', mine, now + life))
      redis.call('PEXPIRE', ask.key, math.ceil(life))
    else
      redis.call('HDEL', ask.key, worker)
    end
  end
  answer[#answer + 1] = string.format(
    '%d %.3f %.3f %.3f %.3f', ask.lease, math.max(0, ask.left - spent), math.min(ask.wait, 1e15), reset,
    math.min(ask.valid, 1e15)
  )
end
return answer
`

/** @param shiftMs moves the script's clock, for tests that cannot wait; 0 leaves it Redis's own */
export function settleScript (shiftMs = 0): { readonly source: string; readonly sha: string } {
  const text = shiftMs === 0 ? source : source.replace('time[2] / 1000', `time[2] / 1000 + ${shiftMs}`)
  return { source: text, sha: createHash('sha1').update(text).digest('hex') }
}
