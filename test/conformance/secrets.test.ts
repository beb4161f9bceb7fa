// X6: secrets of addresses, tokens and credentials never appear in logs, errors, page, metrics, status or doctor.
import fc from "fast-check";
import { inspect } from "node:util";
import { createRuntime, examineNats, interval, natsStore, OstinatoError, type NatsStoreOptions } from "ostinato";
import { createInspector } from "ostinato/inspector";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openStore } from "../../src/cli/options";
import { hideCredentials, parseAddresses } from "../../src/rules/address";
import { startCommand } from "../helpers/command";
import { startNatsServer } from "../helpers/nats-server";
import { freePort } from "../helpers/ports";

/** Long enough not to be found by chance, with everything that means something in an address. */
const hostile = Array.from("@/ :?#,%&=[]\\'\"$*+~;é\t|");
const secret = fc
  .tuple(fc.array(fc.constantFrom(...hostile), { maxLength: 6 }), fc.nat({ max: 999 }), fc.nat({ max: 6 }))
  .map(([odd, n, at]) => `s3${odd.slice(0, at).join("")}cr3t${String(n)}${odd.slice(at).join("")}`);

/** The parts of a secret that nobody could have written by chance. */
const pieces = (text: string): string[] =>
  [text, encodeURIComponent(text), ...text.split(/[^\w]/)].filter((one) => /cr3t\d/.test(one));

function isHidden(text: string, given: string, where: string): void {
  for (const piece of pieces(given))
    assert.not.ok(text.includes(piece), `${where} shows ${piece}: ${text.slice(0, 500)}`);
}

/** All ways to write a secret into an address, or beside it. */
const ways: readonly ((secret: string, host: string) => NatsStoreOptions)[] = [
  (text, host) => ({ servers: `nats://worker:${text}@${host}` }),
  (text, host) => ({ servers: `nats://worker:${encodeURIComponent(text)}@${host}` }),
  (text, host) => ({ servers: `nats://${text}@${host}` }),
  (text, host) => ({ servers: `${text}@${host}` }),
  (text, host) => ({ servers: `nats://:${text}@${host}` }),
  (text, host) => ({ servers: `nats://${host}?token=${text}` }),
  (text, host) => ({ servers: `nats://${host}/?token=${text}` }),
  (text, host) => ({ servers: `nats://${host}/${text}` }),
  (text, host) => ({ servers: `nats://${host}#${text}` }),
  (text, host) => ({ servers: `nats://worker:${text}@${host},nats://worker:${text}@${host}` }),
  (text, host) => ({ servers: `${host},worker:${text}@${host}` }),
  (text, host) => ({ servers: [`nats://${host}`, `tls://worker:${text}@${host}`] }),
  (text, host) => ({ servers: [`worker:${text}@${host}, ${host}`] }),
  (text, host) => ({ servers: `http://worker:${text}@${host}` }),
  (text, host) => ({ servers: `NATS://worker:${text}@${host}` }),
  (text, host) => ({ servers: host, user: "worker", pass: text }),
  (text, host) => ({ servers: host, token: text }),
];

const shownOf = (thrown: unknown): string => `${inspect(thrown, { depth: 9 })}${(thrown as Error).stack ?? ""}`;

test("X6 no way of writing a secret into an address makes a store's description or refusal show it", () => {
  fc.assert(
    fc.property(secret, fc.constantFrom(...ways), (text, way) => {
      const options = way(text, "127.0.0.1:4222");
      const where = JSON.stringify(options);
      try {
        const { description } = natsStore(options);
        isHidden(description, text, where);
        assert.match(description, /127\.0\.0\.1:4222/);
      } catch (error) {
        assert.is((error as OstinatoError).code, "ERR_INVALID_OPTION", where);
        isHidden(shownOf(error), text, where);
      }
      try {
        isHidden(openStore([options.servers ?? ""].flat().join(","), undefined).description, text, where);
      } catch (error) {
        assert.ok(error instanceof OstinatoError, where);
        isHidden(shownOf(error), text, where);
      }
      const typed = hideCredentials(`cannot connect to nats://worker:${text}@127.0.0.1:4222`);
      isHidden(typed, text, typed);
    }),
    { numRuns: 3_000, seed: 6 },
  );
});

test("X6 what a password is made of reaches the server as it is", () => {
  fc.assert(
    fc.property(secret, fc.constantFrom("nats://", "tls://", ""), (text, scheme) => {
      const encoded = encodeURIComponent(text);
      const given = [`${scheme}u:${encoded}@h:1`, `${scheme}${encoded}@[::1]:2`];
      const addresses = parseAddresses("servers", scheme === "" ? given : [given.join(",")]);
      assert.equal(
        addresses.map(({ text: shown, credentials }) => [shown, credentials]),
        [
          [`${scheme}h:1`, { user: "u", pass: text }],
          [`${scheme}[::1]:2`, { token: text }],
        ],
      );
      if (text.includes("%") || (text.includes(",") && text.includes("@"))) return;
      assert.equal(parseAddresses("servers", [`u:${text}@h:1`])[0]?.credentials, { user: "u", pass: text });
    }),
    { numRuns: 1_000, seed: 6 },
  );
  for (const [text, shown] of [
    ["::1", "::1"],
    ["nats://[::1]:4222/", "nats://[::1]:4222"],
    ["nats_1.example", "nats_1.example"],
    [" nats://a:1 , nats://b:2", "nats://a:1,nats://b:2"],
    ["a:1,b:2,c", "a:1,b:2,c"],
    ["nats://100%:per%cent@h", "nats://h"],
  ] as const) {
    assert.is(
      parseAddresses("servers", [text])
        .map((one) => one.text)
        .join(","),
      shown,
    );
  }
});

test("X6 a server that refuses a secret, or is not there, makes nobody show it", async () => {
  const server = await startNatsServer({ config: 'authorization { users: [{ user: "admin", password: "admin" }] }' });
  const nobody = await freePort();
  try {
    await fc.assert(
      fc.asyncProperty(secret, fc.constantFrom(...ways), fc.boolean(), async (text, way, up) => {
        const options = way(text, `127.0.0.1:${String(up ? server.port : nobody)}`);
        const where = JSON.stringify(options);
        let log = "";
        const seen: unknown[] = [];
        try {
          const store = natsStore({ ...options, timeout: 500 });
          const logger = pino({ level: "trace" }, { write: (line: string) => void (log += line) });
          const runtime = createRuntime({ store, logger, shutdownTimeout: 100 });
          runtime.events.subscribe((event) => seen.push(event));
          runtime.spawn({ name: "t", schedule: interval("1h"), run: () => undefined });
          await runtime.start().catch((error: unknown) => seen.push(error));
          await runtime.stop().catch((error: unknown) => seen.push(error));
          await examineNats({
            ...options,
            timeout: 500,
            monitor: `http://u:${encodeURIComponent(text)}@127.0.0.1:${String(nobody)}`,
          }).catch((error: unknown) => seen.push(error));
        } catch (error) {
          seen.push(error);
        }
        for (const one of seen) isHidden(shownOf(one), text, where);
        isHidden(log, text, where);
      }),
      { numRuns: 12, seed: 6 },
    );
  } finally {
    await server.stop();
  }
});

test("X6 a page, its metrics and its log show neither its token nor those of the store", async () => {
  let log = "";
  const logger = pino({ level: "trace" }, { write: (line: string) => void (log += line) });
  const inner = natsStore({ servers: "nats://worker:s3/c@r3t 1@127.0.0.1:1" });
  await using runtime = createRuntime({ logger });
  Object.defineProperty(runtime.store, "description", { value: inner.description });
  await runtime.start();
  const token = "s3cr3t of the page";
  await using inspector = await createInspector(runtime, { port: 0, token, allowActions: true });
  let said = inspector.url;
  for (const path of ["", "metrics", "healthz", "api/status", "api/cluster", "api/summary", "api/nothing"]) {
    for (const given of [token, "wr0ng s3cr3t"]) {
      const answer = await fetch(new URL(path, inspector.url), { headers: { authorization: `Bearer ${given}` } });
      said += (await answer.text()) + JSON.stringify([...answer.headers]);
    }
  }
  for (const text of [token, "wr0ng s3cr3t", "s3/c@r3t", "r3t 1"]) {
    assert.not.ok(said.includes(text), `the page shows ${text}`);
    assert.not.ok(log.includes(text), `the log shows ${text}`);
  }
});

test("X6 the command line shows no secret of what was typed, right or wrong", async () => {
  const port = await freePort();
  const text = "s3/c@r3t cr3t42";
  const at = `worker:${text}@127.0.0.1:${String(port)}`;
  const calls = [
    ["status", "--store", `nats://${at}`],
    ["status", "--store", `nast://${at}`],
    ["status", "--store", at],
    ["status", "--url", `http://worker:${encodeURIComponent(text)}@127.0.0.1:${String(port)}`],
    ["status", "--url", `http://127.0.0.1:${String(port)}/?token=${encodeURIComponent(text)}`],
    ["status", "--url", at],
    ["doctor", "--nats", `nats://${at},${at}`],
    ["list", "--queue", "q", "--store", `nats://127.0.0.1:${String(port)}?token=${text}`],
    [`nats://${at}`],
    ["status", `--tokn=${text}`],
  ];
  for (const call of calls) {
    const command = startCommand(call);
    assert.ok((await command.exit) !== 0, call.join(" "));
    const said = command.stdout() + command.stderr();
    isHidden(said, text, call.join(" "));
    assert.not.match(said, /\n\s+at /, call.join(" "));
  }
});

test.run();
