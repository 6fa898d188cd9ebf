-- wrk: a ring of prepared requests, each with its own traceparent, one in a hundred sampled; and the
-- summary as one line of JSON. Arguments after `--`: the seed, how many ids there are, and header lines. `{id}` in
-- the path is replaced by one of them.
local count = 2000
local ring, at = {}, 0

local function hex (digits)
  local text = {}
  for i = 1, digits do text[i] = string.format('%x', math.random(0, 15)) end
  return table.concat(text)
end

function init (args)
  math.randomseed(tonumber(args[1]) or 1)
  local ids = tonumber(args[2]) or 1
  for i = 3, #args do
    local name, value = args[i]:match('^([^:]+): (.*)$')
    wrk.headers[name] = value
  end
  for i = 1, count do
    local flags = i % 100 == 0 and '01' or '00'
    wrk.headers['traceparent'] = '00-1' .. hex(31) .. '-1' .. hex(15) .. '-' .. flags
    -- All of them as often as each other, in an order that jumps.
    local path = wrk.path:gsub('{id}', tostring((i * 7919) % ids + 1)):gsub('%%7Bid%%7D', tostring((i * 7919) % ids + 1))
    ring[i] = wrk.format(nil, path)
  end
end

function request ()
  at = at % count + 1
  return ring[at]
end

function done (summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"errors":%d,"p99Ms":%.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(99) / 1000
  ))
end
