-- One connection a thread: it proves itself first, where that is asked for,
-- and then sends the same request again and again. The same script for all
-- servers, so that what it costs is the same for all.

local lease, signer, host = nil, nil, nil
local step, signature = "challenge", nil

function init(args)
   lease, signer = args[1], args[2]
   host = wrk.headers["Host"]
   if lease == "none" then step = "ask" end
   ask = wrk.format("GET", "/v1/ops?most=1", { ["Host"] = host, ["Authorization"] = "Mycel " .. lease })
end

function request()
   if step == "ask" then return ask end
   local headers = { ["Host"] = host, ["Authorization"] = "Mycel " .. lease }
   if step == "challenge" then return wrk.format("GET", "/v1/challenge", headers) end
   headers["Content-Type"] = "application/json"
   return wrk.format("POST", "/v1/session", headers, '{"signature":"' .. signature .. '"}')
end

function response(status, headers, body)
   if step == "ask" then return end
   if step == "challenge" then
      local nonce, channel = body:match('"nonce":"(%x+)"'), body:match('"channel":"(%x+)"')
      local pipe = io.popen(signer .. " sign " .. lease .. " " .. nonce .. " " .. channel)
      signature = pipe:read("*l")
      pipe:close()
      step = "prove"
   else
      step = "ask"
   end
end
