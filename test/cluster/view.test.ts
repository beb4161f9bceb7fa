import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { View } from "../../src/cluster/view";
import type { RevisionMap, WatchListener } from "../../src/store";
import { memoryStore } from "../../src/stores/memory";

/** A map whose watch is delivered to by hand. */
function manual(): {
  map: RevisionMap;
  watch: WatchListener;
  put: (key: string, revision: number, value?: string) => void;
} {
  let listener: WatchListener | undefined;
  const watch: WatchListener = {
    change: (change) => listener?.change(change),
    current: () => listener?.current(),
    doubt: (renewal) => listener?.doubt(renewal),
  };
  const map: Pick<RevisionMap, "watch"> = {
    watch: (_prefix, given) => {
      listener = given;
      return { close: () => Promise.resolve() };
    },
  };
  return {
    map: map as RevisionMap,
    watch,
    put: (key, revision, value = "v") => {
      watch.change({ key, value, revision });
    },
  };
}

test("A view is ready when all that was stored has been delivered, and then follows every change", async () => {
  const map = memoryStore().map("m");
  const clock = virtualClock();
  await map.create("a.1", "x");
  await map.create("b.1", "x");
  const view = new View(map, "a.", clock);
  assert.ok(view.stale);
  await view.ready;
  assert.not.ok(view.stale);
  assert.equal(
    [...view.entries()].map(({ entry }) => entry.key),
    ["a.1"],
  );
  const told: string[] = [];
  view.onAny((key) => told.push(key));
  const stop = view.on("a.2", () => told.push("one"));
  await map.create("a.2", "y");
  await clock.advance(5);
  assert.equal(view.get("a.2")?.entry, { key: "a.2", value: "y", revision: 3 });
  assert.is(view.get("a.2")?.seenAt, 0);
  assert.equal(told, ["one", "a.2"]);
  stop();
  await map.delete("a.2", 3);
  await clock.advance(0);
  assert.is(view.get("a.2"), undefined);
  assert.equal(told, ["one", "a.2", "a.2"]);
  await view.close();
  await map.create("a.3", "z");
  await clock.advance(0);
  assert.is(view.get("a.3"), undefined);
});

test("An entry's moment is that of its revision: it moves with a change and with nothing else", async () => {
  const { map, watch, put } = manual();
  const clock = virtualClock();
  const view = new View(map, "", clock);
  put("a", 5);
  await clock.advance(100);
  put("a", 5);
  assert.is(view.get("a")?.seenAt, 0);
  watch.doubt();
  assert.ok(view.stale);
  await clock.advance(100);
  put("a", 5);
  watch.current();
  assert.not.ok(view.stale);
  assert.is(view.get("a")?.seenAt, 0);
  put("a", 6);
  assert.is(view.get("a")?.seenAt, 200);
});

test("A writer sees its own write at once, and older deliveries do not undo it", () => {
  const { map, put } = manual();
  const view = new View(map, "", virtualClock());
  let told = 0;
  view.on("a", () => (told += 1));
  view.noteOwnWrite({ key: "a", value: "mine", revision: 7 });
  put("a", 6, "older");
  assert.is(view.get("a")?.entry.value, "mine");
  put("a", 7, "mine");
  assert.is(told, 1);
});

test("A key that its writer deleted does not come back with an older delivery", () => {
  const { map, watch, put } = manual();
  const view = new View(map, "", virtualClock());
  put("a", 5);
  view.noteOwnWrite({ key: "a", value: undefined, revision: 8 });
  put("a", 7);
  assert.is(view.get("a"), undefined);
  watch.change({ key: "a", value: undefined, revision: 8 });
  put("a", 9);
  assert.is(view.get("a")?.entry.revision, 9);
});

test("A key that was read and found absent is forgotten", () => {
  const { map, put } = manual();
  const view = new View(map, "", virtualClock());
  put("a", 5);
  view.noteOwnWrite({ key: "a", value: undefined, revision: 0 });
  assert.is(view.get("a"), undefined);
});

test("After a doubt, what is not delivered is gone, and a smaller revision counts as a change", async () => {
  const { map, watch, put } = manual();
  const clock = virtualClock();
  const view = new View(map, "", clock);
  put("kept", 5);
  put("gone", 6);
  put("rolled back", 9);
  watch.current();
  const told: string[] = [];
  view.onAny((key) => told.push(key));
  let current = 0;
  view.onCurrent(() => (current += 1));
  await clock.advance(50);
  watch.doubt();
  view.noteOwnWrite({ key: "own", value: "x", revision: 12 });
  put("kept", 5);
  put("rolled back", 3);
  assert.ok(view.get("gone"));
  watch.current();
  assert.is(view.get("gone"), undefined);
  assert.is(view.get("own")?.entry.value, "x");
  assert.is(view.get("rolled back")?.entry.revision, 3);
  assert.is(view.get("rolled back")?.seenAt, 50);
  assert.equal(told, ["own", "rolled back", "gone"]);
  assert.is(current, 1);
});

test("The answer to a read that was overtaken by the delivered deletion brings nothing back", async () => {
  const { map, watch, put } = manual();
  const view = new View(map, "", virtualClock());
  put("a", 5);
  watch.current();
  const sent = view.moment();
  watch.change({ key: "a", value: undefined, revision: 6 });
  const late = { key: "a", value: "v", revision: 5 };
  view.noteOwnWrite(late, sent);
  view.noteOwnWrite(late);
  assert.is(view.get("a"), undefined);
  assert.not.ok(view.stale, "an answer that is merely late starts nothing");
  await view.close();
});

test("A read that found a key absent takes nothing back that was written after it was sent", () => {
  const { map, put } = manual();
  const view = new View(map, "", virtualClock());
  const sent = view.moment();
  put("a", 5);
  view.noteOwnWrite({ key: "a", value: undefined, revision: 0 }, sent);
  assert.ok(view.get("a"));
  view.noteOwnWrite({ key: "a", value: undefined, revision: 0 }, view.moment());
  assert.is(view.get("a"), undefined);
});

test("An answer from before a doubt says nothing about the store since", () => {
  const { map, watch, put } = manual();
  const view = new View(map, "", virtualClock());
  put("a", 1500);
  watch.current();
  const sent = view.moment();
  watch.doubt();
  view.noteOwnWrite({ key: "a", value: "old", revision: 1501 }, sent);
  put("a", 3, "new");
  watch.current();
  assert.is(view.get("a")?.entry.value, "new");
});

test("An answer that contradicts what was known before it was asked for has everything read again", async () => {
  const clock = virtualClock();
  const map = memoryStore().map("m");
  let watches = 0;
  const counted = {
    ...map,
    watch: (prefix: string, listener: WatchListener) => ((watches += 1), map.watch(prefix, listener)),
  };
  const view = new View(counted, "", clock);
  await clock.advance(2_000);
  await map.create("a", "x");
  await map.update("a", "y", 1);
  await clock.advance(0);
  const told: string[] = [];
  view.onAny((key) => told.push(key));
  view.noteOwnWrite({ key: "a", value: "x", revision: 1 }, view.moment());
  assert.ok(view.stale);
  view.refresh();
  await clock.advance(0);
  assert.is(watches, 2, "at most once a second");
  assert.not.ok(view.stale);
  assert.is(view.get("a")?.entry.value, "y");
  assert.equal(told, []);
  await view.close();
});

test("What a store that is another one has lost is told once, when all that it has is known", () => {
  const { map, watch, put } = manual();
  const view = new View(map, "", virtualClock());
  for (const key of ["a", "b", "c"]) put(key, 5 + key.charCodeAt(0));
  watch.current();
  const told: unknown[] = [];
  view.onLoss((loss) => told.push(loss));
  watch.doubt();
  put("a", 200);
  put("b", 201);
  put("c", 202);
  watch.current();
  assert.equal(told, []);
  watch.doubt({ bucket: "KV_x", how: "recreated" });
  watch.doubt();
  put("b", 1);
  watch.current();
  watch.current();
  assert.equal(told, [{ bucket: "KV_x", how: "recreated", known: 3, lost: 2 }]);
});

test("What an answer has shown to be absent counts as lost, whether it came before the doubt or after it", () => {
  for (const how of ["recreated", "rolledBack"] as const) {
    const { map, watch, put } = manual();
    const view = new View(map, "", virtualClock());
    for (const key of ["a", "b", "c", "d"]) put(key, 5 + key.charCodeAt(0));
    watch.current();
    const told: unknown[] = [];
    view.onLoss((loss) => told.push(loss));
    view.noteOwnWrite({ key: "a", value: undefined, revision: 0 }, view.moment());
    view.noteOwnWrite({ key: "b", value: undefined, revision: 0 }, view.moment());
    view.noteOwnWrite({ key: "b", value: "again", revision: 200 }, view.moment());
    watch.doubt({ bucket: "KV_x", how });
    view.noteOwnWrite({ key: "c", value: undefined, revision: 0 }, view.moment());
    put("b", 1, "changed");
    watch.current();
    assert.equal(told, [{ bucket: "KV_x", how, known: 4, lost: 4 }], how);
  }
});

test("What was deleted does not count as lost, whoever has seen first that it is absent", () => {
  const { map, watch, put } = manual();
  const view = new View(map, "", virtualClock());
  put("a", 5);
  put("b", 6);
  watch.current();
  const told: unknown[] = [];
  view.onLoss((loss) => told.push(loss));
  view.noteOwnWrite({ key: "a", value: undefined, revision: 0 }, view.moment());
  watch.change({ key: "a", value: undefined, revision: 7 });
  watch.doubt({ bucket: "KV_x", how: "recreated" });
  put("b", 1);
  watch.current();
  assert.equal(told, [{ bucket: "KV_x", how: "recreated", known: 1, lost: 0 }]);
});

test("A view that is closed before it was ready keeps nobody waiting", async () => {
  const view = new View(manual().map, "", virtualClock());
  await view.close();
  await view.ready;
});

test.run();
