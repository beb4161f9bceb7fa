import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Entry } from "../../src/store";
import { follow, listen } from "./heard";
import { written, type StoreContext, type StoreUnderTest } from "./under-test";
import { keys } from "./keys";
import { watchContract } from "./watch";

/** What every store promises, run against one made by `make` for each test. */
export function storeContract(
  name: string,
  make: () => Promise<StoreUnderTest>,
  finish: () => Promise<void> = async () => undefined,
): void {
  const test = suite<StoreContext>(`store contract: ${name}`);

  test.after(finish);

  test.before.each(async (context) => {
    context.made = await make();
    await context.made.store.open();
    context.map = context.made.store.map("contract");
  });
  test.after.each(async (context) => {
    await context.made.cleanup();
  });

  test("a key that was never written is absent", async ({ map }) => {
    assert.is(await map.get("nobody"), undefined);
  });

  test("create writes once, and the second create is a conflict that changes nothing", async ({ map }) => {
    const first = written(await map.create("a", "1"));
    assert.equal(await map.create("a", "2"), { ok: false });
    assert.equal(await map.get("a"), { key: "a", value: "1", revision: first });
  });

  test("update writes only at the revision that stands", async ({ map }) => {
    const first = written(await map.create("a", "1"));
    const second = written(await map.update("a", "2", first));
    assert.ok(second > first);
    assert.equal(await map.update("a", "3", first), { ok: false });
    assert.equal(await map.update("a", "3", second + 1), { ok: false });
    assert.equal(await map.update("b", "3", second), { ok: false });
    assert.equal(await map.get("a"), { key: "a", value: "2", revision: second });
    assert.is(await map.get("b"), undefined);
  });

  test("delete removes only at the revision that stands, and answers with a revision of its own", async ({ map }) => {
    const first = written(await map.create("a", "1"));
    const second = written(await map.update("a", "2", first));
    assert.equal(await map.delete("a", first), { ok: false });
    assert.equal(await map.delete("b", second), { ok: false });
    const deletion = written(await map.delete("a", second));
    assert.ok(deletion > second);
    assert.is(await map.get("a"), undefined);
    assert.equal(await map.delete("a", deletion), { ok: false });
    assert.equal(await map.update("a", "3", deletion), { ok: false });
    assert.equal(await map.update("a", "3", second), { ok: false });
  });

  test("a deleted key can be created again, at a higher revision", async ({ map }) => {
    const first = written(await map.create("a", "1"));
    const deletion = written(await map.delete("a", first));
    const again = written(await map.create("a", "2"));
    assert.ok(again > deletion);
    assert.equal(await map.create("a", "3"), { ok: false });
    assert.equal(await map.get("a"), { key: "a", value: "2", revision: again });
  });

  test("revisions grow with every write to the map, whichever key it is to", async ({ map }) => {
    const revisions: number[] = [];
    for (let index = 0; index < 20; index += 1) revisions.push(written(await map.create(`k${String(index)}`, "")));
    assert.equal(
      revisions,
      [...new Set(revisions)].sort((a, b) => a - b),
    );
    assert.ok(revisions.every((revision) => Number.isSafeInteger(revision) && revision > 0));
  });

  test("the epoch is a whole number of seconds and stays the same", async ({ made }) => {
    const epoch = await made.store.epoch("contract");
    assert.ok(Number.isSafeInteger(epoch) && epoch >= 0);
    assert.is(await made.store.epoch("contract"), epoch);
    assert.ok(Number.isSafeInteger(epoch * 2 ** 20 + 2 ** 19));
  });

  test("of many that race for one key, exactly one wins each round", async ({ made, map }) => {
    const other = made.reopen ? await made.reopen() : made.store;
    const clients = [map, other.map("contract")];
    let revision = 0;
    for (let round = 0; round < 100; round += 1) {
      const attempts = [0, 1, 2, 3, 4, 5].map(async (index) => {
        const client = clients[index % 2] ?? map;
        const value = `${String(round)}/${String(index)}`;
        return round === 0 ? client.create("raced", value) : client.update("raced", value, revision);
      });
      const won = (await Promise.all(attempts)).flatMap((answer, index) =>
        answer.ok ? [[index, answer.revision]] : [],
      );
      assert.is(won.length, 1, `round ${String(round)}: ${String(won.length)} winners`);
      const [index, next] = won[0] ?? [];
      revision = next ?? 0;
      assert.equal(await clients[round % 2]?.get("raced"), {
        key: "raced",
        value: `${String(round)}/${String(index)}`,
        revision,
      });
    }
  });

  test("any text is a key, and no two are taken for one another", async ({ made, map }) => {
    for (const [index, key] of keys.entries()) written(await map.create(key, String(index)));
    for (const [index, key] of keys.entries()) {
      const entry = await map.get(key);
      assert.is(entry?.key, key);
      assert.is(entry?.value, String(index));
    }
    assert.equal(sorted(await collect(map.list(""))), [...keys].sort());
    const seen = await follow(map, "", async (watched) => watched.current);
    assert.equal(sorted(seen), [...keys].sort());
    const client = made.reopen ? (await made.reopen()).map("contract") : map;
    for (const key of keys) {
      const entry = await client.get(key);
      const next = written(await client.update(key, "", entry?.revision ?? 0));
      written(await client.delete(key, next));
    }
    assert.equal(await collect(map.list("")), []);
  });

  test("a key that is no text, empty or half a character is refused", async ({ map }) => {
    for (const key of ["", 1, undefined, "a\ud800"]) {
      assert.is(await codeOf(map.create(key as string, "")), "ERR_INVALID_OPTION");
    }
    assert.equal(await collect(map.list("")), []);
  });

  test("a map's name is letters, digits, - and _, or is refused", ({ made }) => {
    for (const wrong of ["", "a.b", "a b", "ä", "*"]) {
      assert.throws(
        () => made.store.map(wrong),
        (error: { code?: string }) => error.code === "ERR_INVALID_OPTION",
      );
    }
  });

  test("values are kept to the byte, from the empty one to half a megabyte", async ({ map }) => {
    const values = ["", " ", "1 2", '{"a":"ü🎵\\n"}', "x".repeat(512 * 1024), "ü".repeat(256 * 1024)];
    for (const [index, value] of values.entries()) {
      const key = `v${String(index)}`;
      const revision = written(await map.create(key, value));
      assert.equal(await map.get(key), { key, value, revision });
    }
    const listed = await collect(map.list("v"));
    assert.equal(new Set(listed.map((entry) => entry.value)), new Set(values));
  });

  test("list gives the live entries under the prefix and no others", async ({ map }) => {
    for (const key of ["p.1", "p.2", "p.3", "pp.1", "q.1", "p"]) written(await map.create(key, key));
    const gone = await map.get("p.2");
    written(await map.delete("p.2", gone?.revision ?? 0));
    assert.equal(sorted(await collect(map.list("p."))), ["p.1", "p.3"]);
    assert.equal(sorted(await collect(map.list("p"))), ["p", "p.1", "p.3", "pp.1"]);
    assert.equal(sorted(await collect(map.list("none"))), []);
    assert.equal(sorted(await collect(map.list(""))), ["p", "p.1", "p.3", "pp.1", "q.1"]);
    for await (const entry of map.list("p")) {
      assert.equal(await map.get(entry.key), entry);
      break;
    }
  });

  watchContract(test);

  test("maps of one store never meet", async ({ made, map }) => {
    const other = made.store.map("contract2");
    await follow(other, "", async (watched) => {
      await watched.current;
      written(await map.create("k", "here"));
      assert.is(await other.get("k"), undefined);
      const revision = written(await other.create("k", "there"));
      await watched.until((change) => change.revision === revision && change.value === "there");
      assert.equal(
        watched.changes.map((change) => change.value),
        ["there"],
      );
      assert.is((await map.get("k"))?.value, "here");
      assert.equal(
        (await collect(other.list(""))).map((entry) => entry.value),
        ["there"],
      );
    });
  });

  test("opened, closed and closed again: no harm, and no use afterwards", async ({ made, map }) => {
    await made.store.open();
    const revision = written(await map.create("k", ""));
    await made.store.close();
    await made.store.close();
    assert.is(await codeOf(map.get("k")), "ERR_STORE_CLOSED");
    assert.is(await codeOf(map.create("l", "")), "ERR_STORE_CLOSED");
    assert.is(await codeOf(map.update("k", "", revision)), "ERR_STORE_CLOSED");
    assert.is(await codeOf(map.delete("k", revision)), "ERR_STORE_CLOSED");
    assert.is(await codeOf(collect(map.list(""))), "ERR_STORE_CLOSED");
    assert.is(await codeOf(made.store.epoch("contract")), "ERR_STORE_CLOSED");
    assert.throws(
      () => map.watch("", listen().listener),
      (error: { code?: string }) => error.code === "ERR_STORE_CLOSED",
    );
  });

  test("a store that was closed can be opened again and holds what it held", async ({ made, map }) => {
    const revision = written(await map.create("k", "v"));
    await made.store.close();
    await made.store.open();
    assert.equal(await made.store.map("contract").get("k"), { key: "k", value: "v", revision });
    assert.ok(written(await map.create("l", "")) > revision);
  });

  test("closing ends the watches without a word", async ({ made, map }) => {
    const heard = listen();
    map.watch("", heard.listener);
    await heard.current;
    written(await map.create("k", ""));
    await made.store.close();
    const before = heard.log.length;
    await made.store.open();
    written(await map.create("l", ""));
    await follow(map, "", async (watched) => watched.current);
    assert.is(heard.log.length, before);
  });

  test("writes that were under way when the store was closed are settled", async ({ made, map }) => {
    const writes = Array.from({ length: 20 }, (_, index) => map.create(`k${String(index)}`, ""));
    const settled = Promise.allSettled(writes);
    await made.store.close();
    const results = await settled;
    await made.store.open();
    for (const [index, result] of results.entries()) {
      if (result.status === "fulfilled") assert.ok(await made.store.map("contract").get(`k${String(index)}`));
    }
  });

  test("the description names the kind of store", ({ made }) => {
    assert.match(made.store.description, /^[a-z]+/);
  });

  test.run();
}

async function collect(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

function sorted(entries: readonly { readonly key: string }[]): string[] {
  return entries.map((entry) => entry.key).sort();
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => (error as { code?: string }).code,
  );
}
