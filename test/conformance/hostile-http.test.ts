// X3: whatever an HTTP client sends to the inspector gets an answer of 2xx or 4xx; nothing it sends ends the process,
// is logged with a stack or holds up the rest.
import fc from "fast-check";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { connect, type Socket } from "node:net";
import { createRuntime, interval, type Runtime } from "ostinato";
import { createInspector, type InspectorOptions } from "ostinato/inspector";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { request, type Answer } from "../helpers/raw-http";

interface Place {
  readonly port: number;
  readonly runtime: Runtime;
  /** What was logged, a JSON text a line. */
  readonly log: string[];
  readonly pageToken: string;
  send(text: string | Buffer, quietAfter?: number): Promise<Answer>;
}

const names = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "valueOf",
  "hasOwnProperty",
  "then",
  "%5F%5Fproto__",
];

async function served(options: InspectorOptions, look: (place: Place) => Promise<void>): Promise<void> {
  const log: string[] = [];
  const logger = pino({ level: "warn" }, { write: (line: string) => void log.push(line) });
  const uncaught: unknown[] = [];
  const notice = (error: unknown): void => void uncaught.push(error);
  process.on("uncaughtException", notice);
  process.on("unhandledRejection", notice);
  await using runtime = createRuntime({ logger });
  runtime.spawn({ name: "tick", schedule: interval("1h"), run: () => undefined });
  await runtime.queue({ name: "mail", partitions: 2, run: () => undefined });
  await runtime.start();
  const inspector = await createInspector(runtime, { port: 0, ...options });
  const port = Number(new URL(inspector.url).port);
  const send = (text: string | Buffer, quietAfter?: number): Promise<Answer> => request(port, text, quietAfter);
  try {
    const { body } = await send(head("GET", "/"));
    const pageToken = /name="ostinato-token" content="([^"]+)"/.exec(body)?.[1] ?? "";
    await look({ port, runtime, log, pageToken, send });
  } finally {
    await inspector.close();
    process.off("uncaughtException", notice);
    process.off("unhandledRejection", notice);
  }
  assert.equal(uncaught, []);
  for (const line of log) if (line.includes("inspector")) assert.not.match(line, /"stack"|could not answer/);
}

const head = (method: string, target: string, headers: Record<string, string | number> = {}): string => {
  const lines = Object.entries({ host: "localhost", connection: "close", ...headers });
  return `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
};

const post = (place: Place, target: string, body: string, headers: Record<string, string | number> = {}): string =>
  head("POST", target, { "x-ostinato-token": place.pageToken, "content-length": Buffer.byteLength(body), ...headers }) +
  body;

function isRight({ status, body }: Answer, what: string): void {
  assert.ok((status >= 200 && status < 500) || status === 0, `${what}: ${status}`);
  assert.not.match(body, /\n\s+at /, what);
}

test("X3 names of JavaScript's own objects are names like any others, wherever a client may give one", async () => {
  await served({ allowActions: true }, async (place) => {
    const feed = await openFeed(place.port);
    for (const name of names) {
      const paths = [
        `/${name}`,
        `/api/${name}`,
        `/api/status?filter=${name}&q=${name}`,
        `/api/timeline?filter=${name}&from=${name}`,
        `/api/chart?actor=${name}`,
        `/api/log?run=${name}`,
        `/api/queue?queue=${name}`,
        `/api/queue/${name}?queue=mail`,
        `/api/queue/task?queue=mail&id=${name}`,
        `/api/queue/tasks?queue=mail&prefix=${name}`,
        `/?token=${name}`,
      ];
      for (const path of paths) isRight(await place.send(head("GET", path)), path);
      const bodies = [
        { filter: name, query: name, actor: name, count: 50, queues: true },
        { [name]: name, action: name, task: name },
        { action: "pause", task: name },
        { action: name, queue: "mail", key: name },
        { action: "retryDeadLetter", queue: name, key: name },
      ];
      for (const body of [
        ...bodies.map((one) => JSON.stringify(one)),
        `{"${name}":{"${name}":1},"filter":"${name}"}`,
      ]) {
        for (const path of [`/api/feed/${feed.id}`, "/api/act", `/api/feed/${name}`]) {
          isRight(await place.send(post(place, path, body)), `${path} ${body}`);
        }
      }
    }
    feed.socket.destroy();
    assert.is((await place.send(head("GET", "/api/summary"))).status, 200);
  });
});

test("X3 broken addresses, cookies, bodies and numbers are refused by name", async () => {
  await served({ allowActions: true }, async (place) => {
    const { send } = place;
    const refused: [string, number][] = [
      [head("GET", "//"), 400],
      [head("GET", "//evil.example/"), 400],
      [head("GET", "http://evil.example/"), 400],
      [head("OPTIONS", "*"), 400],
      [head("GET", `/${"x".repeat(5_000)}`), 414],
      [head("GET", "/api/timeline?count=-1"), 400],
      [head("GET", "/api/timeline?from=1e3"), 400],
      [head("PUT", "/"), 405],
      [head("CONNECT", "localhost:1"), 405],
      [head("GET", "/%"), 404],
      [head("GET", "/", { "x-much": "y".repeat(20_000) }), 431],
      [head("GET", "/").replace("HTTP/1.1", "HTTP/9.9"), 400],
      ["GET / HTTP/1.1\r\n\r\n", 400],
      ["\u0000\u0001\u0002 nonsense\r\n\r\n", 400],
      [post(place, "/api/act", '{"action":{"toString":1},"task":[]}'), 400],
      [post(place, "/api/act", "[]"), 400],
      [post(place, "/api/act", "null"), 400],
      [post(place, "/api/act", "[".repeat(15_000)), 400],
      [post(place, "/api/act", `"${"x".repeat(50_000)}"`), 413],
      [head("POST", "/api/act", { "x-ostinato-token": place.pageToken, "content-length": "9".repeat(15) }) + "{}", 413],
    ];
    for (const [text, status] of refused) assert.is((await send(text)).status, status, text.slice(0, 80));
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
    const endless = head("POST", "/api/act", { "x-ostinato-token": place.pageToken, "transfer-encoding": "chunked" });
    assert.is((await send(endless + chunk.repeat(10))).status, 413);
    for (const cookie of ["ostinato-token=%", "ostinato-token=%ff; a", "=; =;;;", "ostinato-token"]) {
      assert.is((await send(head("GET", "/api/summary", { cookie }))).status, 200, cookie);
    }
    const lanes = JSON.parse((await send(head("GET", "/api/timeline?count=999999999"))).body) as { lanes: unknown[] };
    assert.is(lanes.lanes.length, 1);
  });
});

test("X3 only a whole name of ours passes the Host check", async () => {
  await served({ allowedHosts: ["Tasks.example:443"] }, async ({ send }) => {
    const status = async (host: string): Promise<number> => (await send(head("GET", "/api/summary", { host }))).status;
    for (const host of [
      "localhost",
      "LOCALHOST:80",
      "127.0.0.1:4600",
      "127.1.2.3",
      "[::1]",
      "[::1]:80",
      "tasks.example",
    ]) {
      assert.is(await status(host), 200, host);
    }
    const evil = [
      ...["[::1].evil", "[::1]evil.example", "[::1]:80.evil", "127.0.0.1.evil", "127.0.0.1:80.evil", "127.999.1.1"],
      ...["localhost.evil", "evil@localhost", "localhost@evil", "localhost:evil", "localhost:99999", "localhost/evil"],
      ...["[::1", "::1]", "[]", "", ":80", "127.0.0.1, evil", "0.0.0.0", "tasks.example.evil", "xn--tasks.example"],
    ];
    for (const host of evil) assert.ok([400, 421].includes(await status(host)), host);
    const two = head("GET", "/").replace("\r\n", "\r\nhost: evil.example\r\n");
    assert.is((await send(two)).status, 400);
    assert.is((await send(head("GET", "/api/summary", { "sec-fetch-site": "cross-site" }))).status, 403);
  });
});

test("X3 the health says nothing of what a task has failed with", async () => {
  await served({ token: "correct horse" }, async ({ runtime, send }) => {
    const run = (): never => {
      throw new Error("connect to db with password=hunter2");
    };
    runtime.spawn({ name: "stream", retry: { initialDelay: "1h" }, run });
    let answer = await send(head("GET", "/healthz"));
    while (answer.status !== 503) answer = await send(head("GET", "/healthz"));
    assert.match(answer.body, /stream/);
    assert.not.match(answer.body, /hunter2|connect to/);
  });
});

test("X3 wrong tokens are slowed down and logged once a burst, and a right one is let in meanwhile", async () => {
  await served({ token: "correct horse" }, async ({ send, log }) => {
    const connection = "keep-alive";
    const guess = (n: number): string => {
      if (n % 3 === 0) return head("GET", `/?token=guess-number-${n}`, { connection });
      const given = n % 3 === 1 ? { authorization: `Bearer guess ${n}` } : { cookie: `ostinato-token=${n}` };
      return head("GET", "/metrics", { connection, ...given });
    };
    const begun = performance.now();
    const guesses = Array.from({ length: 60 }, (_, n) => guess(n)).join("");
    const { text } = await send(guesses + head("GET", "/api/summary"));
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    assert.equal([...new Set(statuses)].sort(), ["401", "429"]);
    assert.is(
      statuses.filter((status) => status === "401").length,
      2 + 16 + 1,
      "guesses at once are not all looked at",
    );
    assert.ok(performance.now() - begun >= 900, "a wrong token is answered late");
    assert.is((await send(head("GET", "/metrics", { authorization: "Bearer correct horse" }))).status, 200);
    assert.is(log.length, 1);
    assert.match(log[0] ?? "", /a wrong token was given, the last one from 127\.0\.0\.1/);
    assert.not.match(log.join(""), /guess|correct horse/);
  });
});

test("X3 pages are bounded in number, and one that does not read is shut out while others go on", async () => {
  await served({}, async ({ port, runtime, send, pageToken }) => {
    for (let n = 0; n < 300; n++) {
      runtime.spawn({ name: `long name ${"x".repeat(400)} ${n}`, schedule: interval("1h"), run: () => undefined });
    }
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const stuck = await openFeed(port);
    stuck.socket.pause();
    const gone = new Promise<void>((resolve) => stuck.socket.once("close", () => resolve()));
    const feeds = await Promise.all(Array.from({ length: 300 }, () => openFeed(port).catch(() => undefined)));
    assert.is(feeds.filter((feed) => feed !== undefined).length, 31);
    assert.is((await send(head("GET", "/api/feed"))).status, 429);
    let fresh = 0;
    let over = false;
    void gone.then(() => (over = true));
    // A page that asks for everything again and again, and reads nothing of it.
    while (!over) {
      const body = JSON.stringify({ count: 200, fresh: (fresh += 1) });
      const headers = { "x-ostinato-token": pageToken, "content-length": body.length };
      const { status } = await send(head("POST", `/api/feed/${stuck.id}`, headers) + body);
      if (status === 404) break;
    }
    for (const feed of feeds) feed?.socket.destroy();
    delay.disable();
    assert.ok(delay.max / 1e6 < 2_500, `the loop stood still for ${Math.round(delay.max / 1e6)} ms`);
    assert.is((await send(head("GET", "/api/summary"))).status, 200);
  });
});

/** A page that is connected: its id, and the socket that its feed comes through. */
function openFeed(port: number): Promise<{ id: string; socket: Socket }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(head("GET", "/api/feed")));
    let text = "";
    socket.on("error", () => undefined);
    socket.on("close", () => reject(new Error("closed")));
    socket.on("data", (part: Buffer) => {
      text += text.length < 2_000 ? part.toString() : "";
      const id = /"id":"([\w-]+)"/.exec(text)?.[1];
      if (id !== undefined) resolve({ id, socket });
      else if (/^HTTP\/1.1 4/.test(text)) socket.destroy();
    });
  });
}

const method = fc.constantFrom("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get");
const piece = fc.oneof(
  fc.constantFrom(...names, "api", "feed", "act", "queue", "task", "timeline", "status", "..", "%2e%2e", "%", "%00"),
  fc.string({ unit: "binary-ascii", maxLength: 12 }),
);
const target = fc
  .oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(fc.array(piece, { maxLength: 4 }), fc.array(fc.tuple(piece, piece), { maxLength: 3 })),
    },
    { weight: 1, arbitrary: fc.constant([["", "", ""], []] as [string[], [string, string][]]) },
  )
  .map(([path, query]) => {
    const text = `/${path.join("/")}?${query.map((pair) => pair.join("=")).join("&")}`;
    return text.replace(/[\s\u0000]/g, "%20");
  });
const header = fc.tuple(
  fc.constantFrom(
    "cookie",
    "authorization",
    "x-ostinato-token",
    "origin",
    "host",
    "content-length",
    "expect",
    "upgrade",
    "connection",
    "transfer-encoding",
    "content-encoding",
    "range",
    "sec-fetch-site",
    "accept-encoding",
    "__proto__",
  ),
  fc.oneof(
    fc.constantFrom(
      "ostinato-token=%",
      "Bearer ",
      "100-continue",
      "chunked",
      "gzip",
      "websocket",
      "-1",
      "null",
      "0",
      "5",
    ),
    fc.string({ unit: "binary-ascii", maxLength: 40 }).map((text) => text.replace(/[\r\n]/g, " ")),
  ),
);
const body = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc
    .dictionary(
      fc.constantFrom(
        "filter",
        "query",
        "actor",
        "count",
        "from",
        "fresh",
        "queues",
        "action",
        "task",
        "queue",
        "key",
        ...names,
      ),
      fc.jsonValue(),
    )
    .map((one) => JSON.stringify(one)),
  fc.string({ unit: "binary", maxLength: 200 }),
);

test("X3 random requests are answered or cut off, one after another and many on one connection", async () => {
  await served({ allowActions: true }, async (place) => {
    const one = fc.tuple(method, target, fc.array(header, { maxLength: 4 }), fc.option(body), fc.boolean());
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 4 }), async (requests) => {
        const text = requests.map(([verb, path, headers, sent, known]) => {
          const given = Object.fromEntries(headers.filter(([name]) => name !== "__proto__"));
          const token = known ? { "x-ostinato-token": place.pageToken } : {};
          const length = sent === null ? {} : { "content-length": Buffer.byteLength(sent) };
          return head(verb, path, { connection: "keep-alive", ...length, ...token, ...given }) + (sent ?? "");
        });
        isRight(await place.send(text.join(""), 40), JSON.stringify(text));
      }),
      { numRuns: 300, seed: 20 },
    );
    const noise = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(noise, async (bytes) => isRight(await place.send(Buffer.from(bytes), 20), String(bytes))),
      { numRuns: 100, seed: 20 },
    );
    assert.is((await place.send(head("GET", "/api/summary"))).status, 200);
  });
});

test.run();
