// Node's own server of HTTP, and a bare function: `node node_app.js PORT [CERTIFICATE KEY]`.

const fs = require("node:fs");
const [port, certificate, key] = process.argv.slice(2);
const headers = { "content-type": "text/plain; charset=utf-8", "content-length": "13" };

function answer(request, response) {
    response.writeHead(200, headers);
    response.end("Hello, world!");
}

const server = certificate
    ? require("node:https").createServer(
        { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, answer)
    : require("node:http").createServer(answer);
server.keepAliveTimeout = 75_000; // as hump_trio's
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
