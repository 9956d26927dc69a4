-- What wrk sends and reports: `wrk -s requests.lua URL -- METHOD BODY`; the last line is JSON.

function init(arguments)
    wrk.method = arguments[1]
    if arguments[2] ~= "" then
        wrk.body = arguments[2]
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
