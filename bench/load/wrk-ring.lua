-- wrk: a ring of prepared requests, each with its own traceparent, one in a hundred sampled; and the
-- summary as one line of JSON. Arguments after `--`: the seed.
local count = 2000
local ring, at = {}, 0

local function hex (digits)
  local text = {}
  for i = 1, digits do text[i] = string.format('%x', math.random(0, 15)) end
  return table.concat(text)
end

function init (args)
  math.randomseed(tonumber(args[1]) or 1)
  for i = 1, count do
    local flags = i % 100 == 0 and '01' or '00'
    wrk.headers['traceparent'] = '00-1' .. hex(31) .. '-1' .. hex(15) .. '-' .. flags
    ring[i] = wrk.format()
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
