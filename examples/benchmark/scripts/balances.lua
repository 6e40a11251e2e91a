local start

function request()
  start = start or " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " .. token .. "\r\n\r\n"
  return "GET /v1/balances?customer_id=" .. customer() .. start
end
