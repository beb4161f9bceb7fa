import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DueIndex } from "../../src/queue/due-index";

const live = { parked: false, round: 0 };

test("what is due at the same time is taken in the order in which it was written", () => {
  const index = new DueIndex(1_000);
  index.put("c", 0, 500, 3, live);
  index.put("a", 1, 700, 1, live);
  index.put("b", 0, 600, 2, live);
  index.put("older", 0, -5_000, 9, live);
  assert.is(index.nextAt, 0);
  index.wake(999);
  index.wake(1_000);
  const taken = [index.take(), index.take(), index.take(), index.take(), index.take()].map((one) => one?.key);
  assert.equal(taken, ["older", "a", "b", "c", undefined]);
});

test("a partition that loads keeps its tasks parked, and loses what a new load does not deliver", () => {
  const index = new DueIndex(10);
  index.put("a", 7, 0, 1, { parked: true, round: 1 });
  index.put("b", 7, 0, 2, { parked: true, round: 1 });
  index.wake(100);
  assert.is(index.ready, 0);
  index.loaded(7, 1);
  index.wake(100);
  assert.is(index.ready, 2);
  index.confirm("b", 2);
  index.loaded(7, 2);
  assert.is(index.take()?.key, "b");
  assert.is(index.size, 1);
  index.drop(7);
  assert.is(index.size, 0);
});

test("a task that moves within one far bucket a million times leaves nothing behind", () => {
  const index = new DueIndex(1_000);
  for (let count = 0; count < 1_000_000; count += 1) index.put("a", 0, 9e12, count, live);
  index.delete("a");
  assert.is(index.nextAt, undefined);
  assert.is(index.size, 0);
});

type Step =
  | { do: "put"; key: string; wakeAt: number }
  | { do: "delete"; key: string }
  | { do: "wake"; now: number }
  | { do: "take" };

const key = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("put" as const), key, wakeAt: fc.integer({ min: 0, max: 60 }) }),
  fc.record({ do: fc.constant("delete" as const), key }),
  fc.record({ do: fc.constant("wake" as const), now: fc.integer({ min: 0, max: 70 }) }),
  fc.record({ do: fc.constant("take" as const) }),
);

/** The same, by sorting everything each time. */
class Model {
  readonly tasks = new Map<string, { bucket: number; revision: number; place: "waits" | "ready" | "out" }>();
  queue: string[] = [];

  put(name: string, wakeAt: number, revision: number): void {
    this.queue = this.queue.filter((one) => one !== name);
    this.tasks.set(name, { bucket: Math.ceil(wakeAt / 10), revision, place: "waits" });
  }

  delete(name: string): void {
    this.queue = this.queue.filter((one) => one !== name);
    this.tasks.delete(name);
  }

  wake(now: number): void {
    const due = [...this.tasks].filter(([, task]) => task.place === "waits" && task.bucket * 10 <= now);
    due.sort(([, a], [, b]) => a.bucket - b.bucket || a.revision - b.revision);
    for (const [name, task] of due) {
      task.place = "ready";
      this.queue.push(name);
    }
  }

  take(): string | undefined {
    const name = this.queue.shift();
    const task = this.tasks.get(name ?? "");
    if (task !== undefined) task.place = "out";
    return name;
  }

  get nextAt(): number | undefined {
    const buckets = [...this.tasks.values()].filter(({ place }) => place === "waits").map(({ bucket }) => bucket * 10);
    return buckets.length === 0 ? undefined : Math.min(...buckets);
  }
}

test("whatever is put, deleted, woken and taken: the same as a model that sorts", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const index = new DueIndex(10);
      const model = new Model();
      steps.forEach((each, revision) => {
        if (each.do === "put") {
          index.put(each.key, 0, each.wakeAt, revision, live);
          model.put(each.key, each.wakeAt, revision);
        } else if (each.do === "delete") {
          index.delete(each.key);
          model.delete(each.key);
        } else if (each.do === "wake") {
          index.wake(each.now);
          model.wake(each.now);
        } else assert.is(index.take()?.key, model.take());
        assert.is(index.nextAt, model.nextAt);
        assert.is(index.ready, model.queue.length);
        assert.is(index.size, model.tasks.size);
      });
    }),
    { numRuns: 1_000 },
  );
});

test.run();
