import type { uvu } from "uvu";
import * as assert from "uvu/assert";
import type { Change } from "../../src/store";
import { follow, listen } from "./heard";
import { written, type StoreContext } from "./under-test";

/** What every store promises of its watches. */
export function watchContract(test: uvu.Test<StoreContext>): void {
  test("a watch gives what is there, then says so, then gives every change in order", async ({ map }) => {
    const first = written(await map.create("w.1", "a"));
    const gone = written(await map.create("w.0", "x"));
    written(await map.delete("w.0", gone));
    const second = written(await map.create("w.2", "b"));
    await follow(map, "w.", async (watched) => {
      await watched.current;
      assert.equal(watched.log.slice(-1), ["current"]);
      assert.equal(
        watched.changes.filter((change) => change.value !== undefined),
        [
          { key: "w.1", value: "a", revision: first },
          { key: "w.2", value: "b", revision: second },
        ],
      );
      const before = watched.changes.length;
      const third = written(await map.update("w.1", "c", first));
      const fourth = written(await map.delete("w.2", second));
      const fifth = written(await map.create("w.2", "d"));
      await watched.until((change) => change.revision === fifth);
      const news = watched.changes.slice(before);
      assert.equal(news.at(0), { key: "w.1", value: "c", revision: third });
      // A watch may pass over a state that was already gone when it looked.
      assert.ok(news.length === 2 || news[1]?.revision === fourth);
      assert.ok(news.length === 2 || news[1]?.value === undefined);
      assert.equal(news.at(-1), { key: "w.2", value: "d", revision: fifth });
    });
  });

  test("a watch hears of a deletion", async ({ map }) => {
    const revision = written(await map.create("w", "a"));
    await follow(map, "w", async (watched) => {
      await watched.current;
      const deletion = written(await map.delete("w", revision));
      await watched.until((change) => change.revision === deletion);
      assert.equal(watched.changes.at(-1), { key: "w", value: undefined, revision: deletion });
    });
  });

  test("of many deleted at once, among other writes, watches hear of each", async ({ made, map }) => {
    const other = made.reopen ? (await made.reopen()).map("contract") : map;
    const keys = Array.from({ length: 400 }, (_, index) => `k${String(index)}`);
    const state = (changes: readonly Change[]) => {
      const last = new Map(changes.map(({ key, value }) => [key, value]));
      return keys.map((key) => `${key} ${last.get(key) ?? "gone"}`);
    };
    await follow(map, "", async (all) => {
      await follow(map, "k", async (some) => {
        await Promise.all([all.current, some.current]);
        await Promise.all(
          keys.map(async (key, index) => {
            const revision = written(await other.create(key, "first"));
            if (index % 3 === 0) written(await other.update(key, "second", revision));
            else written(await other.delete(key, revision));
          }),
        );
        const last = written(await other.create("k", "last"));
        await Promise.all([all, some].map((watched) => watched.until((change) => change.revision === last)));
        const wanted = keys.map((key, index) => `${key} ${index % 3 === 0 ? "second" : "gone"}`);
        assert.equal(state(all.changes), wanted);
        assert.equal(state(some.changes), wanted);
      });
    });
  });

  test("a watch of an empty prefix of an empty map is current at once", async ({ map }) => {
    const seen = await follow(map, "", async (watched) => watched.current);
    assert.equal(seen, []);
  });

  test("a watch hears of its own prefix only", async ({ map }) => {
    await follow(map, "a.", async (watched) => {
      await watched.current;
      written(await map.create("b.1", ""));
      written(await map.create("a", ""));
      written(await map.create("ab", ""));
      const last = written(await map.create("a.1", ""));
      await watched.until((change) => change.revision === last);
      assert.equal(
        watched.changes.map((change) => change.key),
        ["a.1"],
      );
    });
  });

  test("a watch hears of what another client writes", async ({ made, map }) => {
    const other = made.reopen ? await made.reopen() : made.store;
    await follow(map, "", async (watched) => {
      await watched.current;
      for (let index = 0; index < 20; index += 1) written(await other.map("contract").create(`n${String(index)}`, ""));
      await watched.until((change) => change.key === "n19");
      assert.is(watched.changes.length, 20);
    });
  });

  test("while many write, a watch misses nothing and keeps the order of revisions", async ({ made, map }) => {
    const other = made.reopen ? (await made.reopen()).map("contract") : map;
    for (let index = 0; index < 50; index += 1) written(await map.create(`k${String(index)}`, "0"));
    await follow(map, "k", async (watched) => {
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const client = index % 2 ? map : other;
          const key = `k${String(index)}`;
          let revision = (await client.get(key))?.revision ?? 0;
          for (let step = 1; step <= 10; step += 1)
            revision = written(await client.update(key, String(step), revision));
        }),
      );
      await watched.until(() => new Set(watched.changes.filter((c) => c.value === "10").map((c) => c.key)).size === 50);
      const revisions = watched.changes.map((change) => change.revision);
      assert.equal(
        revisions,
        [...revisions].sort((a, b) => a - b),
      );
    });
  });

  test("two watches of one prefix each hear everything", async ({ map }) => {
    await follow(map, "k", async (one) => {
      await follow(map, "k", async (two) => {
        await Promise.all([one.current, two.current]);
        const revision = written(await map.create("k", "v"));
        await Promise.all([one, two].map((watched) => watched.until((change) => change.revision === revision)));
      });
    });
  });

  test("a closed watch calls nobody any more, and may be closed twice", async ({ map }) => {
    const heard = listen();
    const watch = map.watch("", heard.listener);
    await heard.current;
    await watch.close();
    const before = heard.log.length;
    await follow(map, "", async (watched) => {
      await watched.current;
      written(await map.create("late", ""));
      await watched.until((change) => change.key === "late");
    });
    assert.is(heard.log.length, before);
    await watch.close();
  });

  test("a listener is never called inside another or inside a write", async ({ map }) => {
    let inside = false;
    let reentered = false;
    const entered: string[] = [];
    const creations: Promise<unknown>[] = [];
    const call = (change: Change) => {
      reentered ||= inside;
      inside = true;
      entered.push(change.key);
      if (change.key === "first") creations.push(map.create("second", ""));
      inside = false;
    };
    const done = listen();
    const watches = [
      map.watch("", { change: call, current() {}, doubt() {} }),
      map.watch("", { change: call, current() {}, doubt() {} }),
      map.watch("", done.listener),
    ];
    await done.current;
    inside = true;
    const creating = map.create("first", "");
    inside = false;
    await creating;
    await done.until((change) => change.key === "second");
    await Promise.all(creations);
    await Promise.all(watches.map((watch) => watch.close()));
    assert.not.ok(reentered);
  });
}
