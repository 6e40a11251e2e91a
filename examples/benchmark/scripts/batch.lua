local start

function request()
  start = start or head("/v1/usage/batch")
  local parts = {}
  for n = 1, items do
    parts[n] = '{"id":"' .. next_id() .. '","customer_id":"' .. customer() .. '","currency":"CNY","amount":"0.001"}'
  end
  return post(start, '{"items":[' .. table.concat(parts, ",") .. "]}")
end
