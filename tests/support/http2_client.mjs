// Node's client of HTTP/2, with a task on one connection: node http2_client.mjs URL TASK.
//
// What it has seen is printed as JSON.

import http2 from "node:http2";

const [url, task] = process.argv.slice(2);
const session = http2.connect(url);
const farewells = [];
session.on("goaway", (code, last) => farewells.push([code, last]));
const closed = new Promise((done, fail) => session.on("close", done).on("error", fail));

// What becomes of one request: its status, body and trailers.
function ask(fields, { body, trailers } = {}) {
    return new Promise((done, fail) => {
        const stream = session.request(fields, {
            endStream: body === undefined,
            waitForTrailers: trailers !== undefined,
        });
        const answer = { body: "" };
        stream.setEncoding("utf8");
        stream.on("response", (head) => (answer.status = head[":status"]));
        stream.on("trailers", (tail) => (answer.trailers = { ...tail }));
        stream.on("data", (part) => (answer.body += part));
        stream.on("wantTrailers", () => stream.sendTrailers(trailers));
        stream.on("end", () => done(answer)).on("error", fail);
        if (body !== undefined) stream.end(body);
    });
}

// Resolves when a stream is closed that was reset after the first part of its answer.
function leave(path) {
    return new Promise((done, fail) => {
        const stream = session.request({ ":path": path });
        stream.on("data", () => stream.close(http2.constants.NGHTTP2_CANCEL));
        stream.on("close", () => done(stream.rstCode)).on("error", fail);
    });
}

const tasks = {
    // A hundred at once, the first of which waits for the last.
    async parallel() {
        const answers = await Promise.all(
            Array.from({ length: 100 }, (_, number) => ask({ ":path": `/gather/${number}` })),
        );
        return answers.map(({ body }) => Number(body));
    },
    async upload() {
        const fields = { ":path": "/length", ":method": "POST" };
        return (await ask(fields, { body: "x".repeat(5_000_000) })).body;
    },
    // The answer comes before the body is out, which nobody wants then.
    async refusal() {
        const fields = { ":path": "/small", ":method": "POST" };
        const { status } = await ask(fields, { body: "x".repeat(5_000_000) });
        return [status, (await ask({ ":path": "/" })).body];
    },
    async reset() {
        return [await leave("/endless"), (await ask({ ":path": "/" })).body];
    },
    async trailers() {
        const fields = { ":path": "/trailers", ":method": "POST", trailer: "checksum", te: "trailers" };
        return ask(fields, { body: "tea", trailers: { checksum: "1234" } });
    },
    // The server says goodbye while a request is under way.
    async goodbye() {
        const answers = await Promise.all([ask({ ":path": "/last" }), ask({ ":path": "/end" })]);
        await closed;
        return { bodies: answers.map(({ body }) => body), farewells };
    },
};

console.log(JSON.stringify(await tasks[task]()));
session.close();
await closed;
