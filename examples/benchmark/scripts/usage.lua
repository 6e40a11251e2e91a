local start

function request()
  start = start or head("/v1/usage")
  return post(start, '{"id":"' .. next_id() .. '","customer_id":"' .. customer()
    .. '","currency":"CNY","amount":"0.001"}')
end
