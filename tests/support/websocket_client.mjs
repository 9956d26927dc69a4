// What JavaScript's own WebSocket makes of an app: in Node, and on a page in a browser.

function connect(url, protocols = []) {
    const socket = new WebSocket(url, protocols);
    const events = [], waiting = [];
    const put = event => waiting.length ? waiting.shift()(event) : events.push(event);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => put("open");
    socket.onmessage = event => put(event.data);
    socket.onerror = () => put("error");  // the handshake was answered otherwise
    socket.onclose = event => put([event.code, event.reason, event.wasClean]);
    socket.next = () => new Promise(
        done => events.length ? done(events.shift()) : waiting.push(done));
    return socket;
}

async function echo(url) {
    const socket = connect(url), seen = [await socket.next(), socket.extensions];
    for (const text of ["", "tea \u{1f375}", "x".repeat(1_000_000)]) {
        socket.send(text);
        seen.push(await socket.next() === text);
    }
    for (const size of [0, 3, 1_000_000]) {
        socket.send(new Uint8Array(size).fill(255));
        const data = new Uint8Array(await socket.next());
        seen.push(data.length === size && data.every(byte => byte === 255));
    }
    for (let number = 0; number < 1000; number++) socket.send(`${number}`);
    for (let number = 0; number < 1000; number++) {
        if (await socket.next() !== `${number}`) seen.push(number);
    }
    socket.close(4001, "bye");
    return [...seen, await socket.next()];
}

async function agree(url) {
    const socket = connect(url, ["tea.v1", "tea.v2"]);
    return [await socket.next(), socket.protocol, await socket.next()];
}

async function only(url) {
    return [await connect(url).next()];
}

async function end(url) {
    const socket = connect(url), first = await socket.next();
    return [first, first === "open" ? await socket.next() : null];
}

async function keep(url) {
    globalThis.kept = connect(url);
    return [await globalThis.kept.next()];
}

const tasks = {echo, agree, only, end, keep};

export async function play(base, parts) {
    const seen = [];
    for (const [task, path] of parts) seen.push(await tasks[task](base + path));
    return seen;
}

if (typeof process !== "undefined") {
    const [base, parts] = process.argv.slice(2);
    console.log(JSON.stringify(await play(base, JSON.parse(parts))));
}
