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
    doubt: () => listener?.doubt(),
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
  view.noteOwnWrite({ key: "own", value: "x", revision: 4 });
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

test("A view that is closed before it was ready keeps nobody waiting", async () => {
  const view = new View(manual().map, "", virtualClock());
  await view.close();
  await view.ready;
});

test.run();
