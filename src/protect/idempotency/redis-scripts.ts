/**
 * One hash a key: `fp` fingerprint, `token`, `until` (end of the lease, by Redis's clock, in milliseconds),
 * `marked`, and once there is an answer `status`, `headers`, `body`. A key given back keeps its `token`, so that
 * the next lease has a higher one. Each script touches one key, as Redis Cluster needs it.
 */
const time = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** ARGV: fingerprint, lease, keep. Answers a list that begins with the kind. */
export const claimScript: string = `
${time}
local row = redis.call('HMGET', KEYS[1], 'fp', 'token', 'until', 'marked', 'status', 'headers', 'body')
if row[1] then
  if row[1] ~= ARGV[1] then return {'reused'} end
  if row[5] then return {'answered', row[5], row[6], row[7]} end
  local left = tonumber(row[3]) - now
  if left > 0 then return {'held', left} end
end
-- By the clock, so that tokens rise even over a key that Redis has forgotten.
local token = math.max(tonumber(row[2] or '0') + 1, time[1] * 1000000 + time[2])
token = string.format('%.0f', token)
local previous = 'none'
if row[1] then previous = row[4] and 'unknown' or 'lapsed' end
redis.call('HSET', KEYS[1], 'fp', ARGV[1], 'token', token, 'until', string.format('%.0f', now + ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'taken', token, previous}
`

/** ARGV: token, lease. */
export const renewScript: string = `
${time}
local row = redis.call('HMGET', KEYS[1], 'fp', 'token', 'status')
if not row[1] or row[2] ~= ARGV[1] or row[3] then return 0 end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[2]))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`

/** ARGV: token. */
export const markScript: string = `
local row = redis.call('HMGET', KEYS[1], 'fp', 'token', 'status')
if not row[1] or row[2] ~= ARGV[1] or row[3] then return 0 end
redis.call('HSET', KEYS[1], 'marked', '1')
return 1
`

/** ARGV: token, status, headers, then the body unless it is not kept. */
export const settleScript: string = `
local row = redis.call('HMGET', KEYS[1], 'fp', 'token', 'status')
if not row[1] or row[2] ~= ARGV[1] or row[3] then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'headers', ARGV[3])
if ARGV[4] then redis.call('HSET', KEYS[1], 'body', ARGV[4]) end
return 1
`

/** ARGV: token. */
export const releaseScript: string = `
${time}
local row = redis.call('HMGET', KEYS[1], 'fp', 'token', 'status', 'marked', 'headers', 'body')
if not row[1] or row[2] ~= ARGV[1] then return {'lost'} end
if row[3] then return {'answered', row[3], row[5], row[6]} end
if row[4] then redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now))
else redis.call('HDEL', KEYS[1], 'fp', 'until') end
return {'released'}
`
