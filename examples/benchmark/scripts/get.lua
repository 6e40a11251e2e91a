-- The path stands where others have the number of items.
function init(args)
  token = args[2]
  opened, captured = 0, 0
  wrk.headers["Authorization"] = "Bearer " .. token
end
