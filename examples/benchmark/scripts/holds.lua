-- Captures come as soon as a hold is known; the answer must be read for that.
local start
local waiting, first = {}, 1

function request()
  local hold = waiting[first]
  if hold then
    waiting[first] = nil
    first = first + 1
    return post(head("/v1/holds/" .. hold .. "/capture"), '{"amount":"0.0007"}')
  end
  start = start or head("/v1/holds")
  return post(start, '{"id":"' .. next_id() .. '","customer_id":"' .. customer()
    .. '","currency":"CNY","amount":"0.001","expires_in":3600}')
end

local last = 0

function response(status, _, body)
  if status == 201 then
    opened = opened + 1
    if written then written:write(body:match('"id":"([^"]+)"'), "\n") end
    last = last + 1
    waiting[last] = body:match('"hold_id":"(hold_%x+)"')
  elseif status == 200 then
    captured = captured + 1
  end
end
