import { request } from "node:http";
import { createRuntime, interval, type OstinatoError, type Runtime } from "ostinato";
import { createInspector, type Inspector, type InspectorOptions } from "ostinato/inspector";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

const logger = pino({ level: "silent" });

interface Got {
  status: number;
  body: string;
  headers: Record<string, string | string[] | undefined>;
}

/** `fetch` would not let a Host header be forged. */
function ask(url: string, path: string, headers: Record<string, string> = {}, body?: unknown): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url), { headers, method: body === undefined ? "GET" : "POST" }, (response) => {
      let text = "";
      response.on("data", (part) => (text += String(part)));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function served(
  options: InspectorOptions,
  look: (inspector: Inspector, runtime: Runtime) => Promise<void>,
): Promise<void> {
  await using runtime = createRuntime({ logger });
  runtime.spawn({ name: 'odd "name"\n', schedule: interval("1h"), run: () => undefined });
  await runtime.start();
  await using inspector = await createInspector(runtime, { port: 0, ...options });
  await look(inspector, runtime);
}

const tokenOf = async (url: string): Promise<string> =>
  /name="ostinato-token" content="([^"]+)"/.exec((await ask(url, "/")).body)![1]!;

test("it listens on loopback unless it is told otherwise, and another host needs a token", async () => {
  await served({}, async ({ url }) => assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/));
  const runtime = createRuntime({ logger });
  for (const options of [{ host: "0.0.0.0" }, { port: -1 }, { token: "short" }, { nonsense: true } as object]) {
    await createInspector(runtime, options).then(
      () => assert.unreachable(JSON.stringify(options)),
      (error: unknown) => assert.is((error as OstinatoError).code, "ERR_INVALID_OPTION"),
    );
  }
});

test("a page whose name was resolved to our address by somebody else gets nothing", async () => {
  await served({}, async ({ url }) => {
    assert.is((await ask(url, "/", { host: "evil.example" })).status, 421);
    assert.is((await ask(url, "/api/status", { host: "evil.example:80" })).status, 421);
    assert.is((await ask(url, "/", { host: "localhost:1234" })).status, 200);
  });
  await served({ allowedHosts: ["tasks.example"] }, async ({ url }) => {
    assert.is((await ask(url, "/", { host: "tasks.example" })).status, 200);
  });
});

test("with a token nothing but the health is told to those who do not bring it", async () => {
  await served({ token: "correct horse" }, async ({ url }) => {
    for (const path of ["/", "/api/status", "/metrics", "/api/feed", "/style.css"]) {
      assert.is((await ask(url, path)).status, 401, path);
    }
    assert.is((await ask(url, "/healthz")).status, 200);
    assert.is((await ask(url, "/metrics", { authorization: "Bearer wrong horse" })).status, 401);
    assert.is((await ask(url, "/metrics", { authorization: "Bearer correct horse" })).status, 200);
    const entered = await ask(url, "/?token=correct%20horse");
    assert.is(entered.status, 303);
    const cookie = String(entered.headers["set-cookie"]);
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    assert.is((await ask(url, "/api/status", { cookie: cookie.split(";")[0]! })).status, 200);
  });
});

test("actions need to be allowed, our own origin and the page's token", async () => {
  const act = { action: "pause", task: 'odd "name"\n' };
  await served({}, async ({ url }) => {
    const denied = await ask(url, "/api/act", { "x-ostinato-token": await tokenOf(url) }, act);
    assert.is(denied.status, 403);
    assert.match(denied.body, /allowActions/);
  });
  await served({ allowActions: true }, async ({ url }, runtime) => {
    const token = { "x-ostinato-token": await tokenOf(url) };
    assert.is((await ask(url, "/api/act", {}, act)).status, 403);
    assert.is((await ask(url, "/api/act", { ...token, origin: "http://evil.example" }, act)).status, 403);
    assert.is((await ask(url, "/api/act", { ...token, "sec-fetch-site": "cross-site" }, act)).status, 403);
    assert.is(runtime.get(act.task)!.status().paused, false);
    assert.is((await ask(url, "/api/act", token, act)).status, 200);
    assert.is(runtime.get(act.task)!.status().paused, true);
    assert.is((await ask(url, "/api/act", token, { action: "explode", task: act.task })).status, 409);
    assert.is((await ask(url, "/api/act", token, { action: "pause", task: "nobody" })).status, 409);
    assert.is((await ask(url, "/api/act", token, "no object")).status, 400);
  });
});

test("every answer forbids scripts, frames and sources that are not ours, and no file but the page's is served", async () => {
  await served({}, async ({ url }) => {
    const { headers } = await ask(url, "/");
    assert.match(String(headers["content-security-policy"]), /default-src 'none'; script-src 'self'/);
    for (const path of ["/../server.ts", "/%2e%2e/server.js", "/nothing.js", "/page", "/api/nothing"]) {
      assert.is((await ask(url, path)).status, 404, path);
    }
  });
});

test("metrics are told as Prometheus reads them, whatever a task is called", async () => {
  await served({}, async ({ url }, runtime) => {
    await runtime.get('odd "name"\n')!.trigger();
    const { body, headers } = await ask(url, "/metrics");
    assert.match(String(headers["content-type"]), /text\/plain; version=0\.0\.4/);
    assert.match(body, /^ostinato_runs_total\{outcome="succeeded"\} [12]$/m);
    assert.match(body, /^ostinato_run_duration_seconds_bucket\{le="\+Inf"\} [12]$/m);
    assert.match(body, /^ostinato_task_failures\{task="odd \\"name\\"\\n"\} 0$/m);
    assert.match(body, /^ostinato_store_latency_seconds [\d.e-]+$/m);
    for (const line of body.trim().split("\n")) {
      assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="(\\.|[^"\\])*",?)+\})? [\d.e+-]+)$/, line);
    }
  });
});

test("the health names what should be alive and is not", async () => {
  await using runtime = createRuntime({ logger });
  runtime.spawn({
    name: "stream",
    retry: { initialDelay: "1h" },
    run: () => {
      throw new Error("refused: password=hunter2");
    },
  });
  await runtime.start();
  await using inspector = await createInspector(runtime, { port: 0 });
  let got = await ask(inspector.url, "/healthz");
  while (got.status !== 503) got = await ask(inspector.url, "/healthz");
  assert.equal(JSON.parse(got.body), {
    ok: false,
    unhealthy: [{ name: "stream", reason: "not alive: attempt 1 ended, and the next one waits" }],
  });
});

test("values of user code are shown as redact leaves them", async () => {
  await using runtime = createRuntime({ logger: pino({ level: "info" }, { write: () => undefined }) });
  await using inspector = await createInspector(runtime, {
    port: 0,
    redact: (value, { what }) => (what === "log" ? "(hidden)" : value),
  });
  const task = runtime.spawn({
    name: "t",
    schedule: interval("1h", { immediate: false }),
    run: ({ logger: log }) => log.info({ password: "hunter2" }, "signed in as %s", "ada"),
  });
  await runtime.start();
  const result = await task.trigger();
  assert.ok(result.started);
  const { body } = await ask(inspector.url, `/api/log?run=${result.runId}`);
  assert.match(body, /signed in as ada/);
  assert.match(body, /\(hidden\)/);
  assert.not.match(body, /hunter2/);
});

test("a feed tells what is asked for, and only what has changed", async () => {
  await served({}, async ({ url }) => {
    const response = await fetch(new URL("api/feed", url));
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (wanted: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const found = wanted.exec(text);
        if (found !== null) return found;
        text += (await reader.read()).value ?? "";
      }
    };
    const [, id] = await until(/"id":"([\w-]+)"/);
    const headers = { "x-ostinato-token": await tokenOf(url) };
    await ask(url, `/api/feed/${id!}`, headers, { count: 50, actor: "root" });
    await until(/event: rows\ndata: \{"total":2,"changes":\[\[0,\{"name":"root"/);
    await until(/event: detail\ndata: \{"name":"root","kind":"supervisor","state":"running"/);
    assert.is((await ask(url, "/api/feed/unknown", headers, {})).status, 404);
    await reader.cancel();
  });
});

test.run();
