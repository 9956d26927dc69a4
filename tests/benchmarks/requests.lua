-- What wrk sends and reports: `wrk -s requests.lua URL -- METHOD BODY NUMBERS`; with NUMBERS another
-- number below it follows the path each time. The last line is JSON.

function init(arguments)
    wrk.method = arguments[1]
    if arguments[2] ~= "" then
        wrk.body = arguments[2]
    end
    local numbers, count = tonumber(arguments[3]), 0
    if numbers > 0 then
        function request()
            count = (count + 1) % numbers
            return wrk.format(nil, wrk.path .. count)
        end
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout
    ))
end
