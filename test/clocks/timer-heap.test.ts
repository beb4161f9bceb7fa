import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TimerHeap, type Timed } from "../../src/clocks/timer-heap";

function entries(...times: number[]): Timed[] {
  return times.map((at, order) => ({ at, order, cancelled: false }));
}

function drain(heap: TimerHeap<Timed>): Timed[] {
  const drained: Timed[] = [];
  for (let next = heap.pop(); next !== undefined; next = heap.pop()) drained.push(next);
  return drained;
}

test("comes out by time, and by order of insertion within one time", () => {
  const heap = new TimerHeap();
  for (const entry of entries(5, 1, 5, 3, 1)) heap.push(entry);
  assert.equal(
    drain(heap).map(({ at, order }) => [at, order]),
    [
      [1, 1],
      [1, 4],
      [3, 3],
      [5, 0],
      [5, 2],
    ],
  );
});

test("peek leaves it in, pop takes it out, and an empty heap has neither", () => {
  const heap = new TimerHeap();
  assert.is(heap.peek(), undefined);
  assert.is(heap.pop(), undefined);
  const [entry] = entries(1) as [Timed];
  heap.push(entry);
  assert.is(heap.peek(), entry);
  assert.is(heap.size, 1);
  assert.is(heap.pop(), entry);
  assert.is(heap.size, 0);
  assert.is(heap.peek(), undefined);
});

test("what was cancelled never comes out and does not count, however often it is cancelled", () => {
  const heap = new TimerHeap();
  const all = entries(1, 2, 3);
  for (const entry of all) heap.push(entry);
  heap.cancel(all[0]!);
  heap.cancel(all[0]!);
  assert.is(heap.size, 2);
  assert.is(heap.peek(), all[1]);
  heap.cancel(all[2]!);
  assert.equal(drain(heap), [all[1]]);
  assert.is(heap.size, 0);
});

test("clear empties it, and it can be used again", () => {
  const heap = new TimerHeap();
  for (const entry of entries(3, 2, 1)) heap.push(entry);
  heap.clear();
  assert.is(heap.size, 0);
  assert.is(heap.peek(), undefined);
  const [entry] = entries(9) as [Timed];
  heap.push(entry);
  assert.is(heap.pop(), entry);
});

test("cancelling what has come out, or was cleared away, does not count", () => {
  const heap = new TimerHeap();
  const [out, cleared, kept] = entries(1, 2, 3) as [Timed, Timed, Timed];
  heap.push(out);
  heap.push(cleared);
  assert.is(heap.pop(), out);
  heap.cancel(out);
  assert.is(heap.size, 1);
  heap.clear();
  heap.cancel(cleared);
  heap.push(kept);
  assert.is(heap.size, 1);
  assert.is(heap.pop(), kept);
});

test("whatever is pushed, popped and cancelled, it agrees with a sorted list", () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 50 }) }) },
    { weight: 4, arbitrary: fc.record({ cancel: fc.nat() }) },
    { weight: 2, arbitrary: fc.constant({ pop: true }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
      const heap = new TimerHeap();
      let list: Timed[] = [];
      steps.forEach((each, order) => {
        if ("push" in each) {
          const entry: Timed = { at: each.push, order, cancelled: false };
          heap.push(entry);
          list = [...list, entry].sort((a, b) => a.at - b.at || a.order - b.order);
        } else if ("cancel" in each) {
          const entry = list[each.cancel % Math.max(1, list.length)];
          if (entry !== undefined) heap.cancel(entry);
          list = list.filter((one) => one !== entry);
        } else assert.is(heap.pop(), list.shift());
        assert.is(heap.size, list.length);
      });
      assert.equal(drain(heap), list);
    }),
    { numRuns: 100 },
  );
});

test("setting and cancelling without end does not make it grow", () => {
  const heap = new TimerHeap();
  const sizes: number[] = [];
  for (let order = 0; order < 50_000; order++) {
    const entry: Timed = { at: 1e9 + order, order, cancelled: false };
    heap.push(entry);
    heap.cancel(entry);
    if (order % 10_000 === 0) sizes.push(heap.size);
  }
  assert.equal(sizes, [0, 0, 0, 0, 0]);
  assert.is(heap.peek(), undefined);
});

test.run();
