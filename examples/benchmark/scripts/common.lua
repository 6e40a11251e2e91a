-- What all load scripts share. Arguments after `--`: run, token, number of customers (0: one hot one) or the name of
-- one, items of a batch, file for acknowledged ids (or nothing).

local threads = {}

function setup(thread)
  thread:set("thread_number", #threads)
  table.insert(threads, thread)
end

function init(args)
  run, token, customers, items = args[1], args[2], tonumber(args[3]) or args[3], tonumber(args[4])
  counter, opened, captured = 0, 0, 0
  math.randomseed(os.time() + thread_number * 7919)
  if args[5] then acknowledge(args[5] .. thread_number) end
end

-- Reading answers costs the generator time: only on request.
function acknowledge(path)
  written = assert(io.open(path, "w"))
  -- Of holds their own script reads the answers anyhow.
  response = response or function(status, _, body)
    if status == 201 then
      written:write(body:match('"id":"([^"]+)"'), "\n")
    elseif status == 200 then
      for id in body:gmatch('"id":"([^"]+)","status":"booked"') do written:write(id, "\n") end
    end
  end
end

function head(path)
  return "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " .. token
    .. "\r\nContent-Type: application/json\r\nContent-Length: "
end

function post(head, body)
  return head .. #body .. "\r\n\r\n" .. body
end

function customer()
  if customers == 0 then return "hot" end
  if type(customers) == "string" then return customers end
  return string.format("c%05d", math.random(customers))
end

-- Time-ordered, as callers are told to make theirs: the run begins with its time.
function next_id()
  counter = counter + 1
  return string.format("%s-%d%08x", run, thread_number, counter)
end

function done(summary, latency)
  local sum = { opened = 0, captured = 0 }
  for _, thread in ipairs(threads) do
    sum.opened = sum.opened + thread:get("opened")
    sum.captured = sum.captured + thread:get("captured")
  end
  local errors = summary.errors
  io.write(string.format("\n@ %d %d %d %d %d %d %d %d\n",
    summary.duration, summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), sum.opened, sum.captured))
end
