-- The requests of run.sh: of a hundred, 80 list items, 15 look at one, 4 make a report and 1 asks for the balance.
local cookie = os.getenv("DEMO_COOKIE")
local refused, failed = 0, 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  math.randomseed(1)
  refused_here, failed_here = 0, 0
end

function request()
  local n = math.random(100)
  local headers = { ["Cookie"] = cookie }
  if n <= 80 then return wrk.format("GET", "/items") end
  if n <= 95 then return wrk.format("GET", "/items/" .. math.random(5)) end
  if n <= 99 then return wrk.format("POST", "/reports", headers) end
  return wrk.format("GET", "/credits", headers)
end

function response(status)
  if status >= 500 then failed_here = failed_here + 1
  elseif status >= 400 then refused_here = refused_here + 1 end
end

function done()
  for _, thread in ipairs(threads) do
    refused = refused + thread:get("refused_here")
    failed = failed + thread:get("failed_here")
  end
  print(string.format("refused (no credits left): %d, failed: %d", refused, failed))
end
