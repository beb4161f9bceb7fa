import { systemClock } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";

const longest = 2 ** 31 - 1;
const day = 86_400_000;

/** Stands in for Node's timers and readings: time goes from one timer to the next, and the wall can be set alone. */
class FakeNode {
  elapsed = 1_000;
  wall = Date.UTC(2026, 0, 1);
  readonly armed: number[] = [];
  unreferenced = 0;
  #order = 0;
  readonly #timers = new Map<object, { at: number; order: number; every?: number; callback: () => void }>();
  readonly #real = { setTimeout, clearTimeout, setInterval, clearInterval, now: Date.now };

  install(): void {
    const arm = (callback: () => void, delay: number, every?: number): object => {
      // As Node does it: what is too long fires after 1 ms.
      const wait = delay > longest ? 1 : Math.max(1, delay);
      const handle = { unref: () => ((this.unreferenced += 1), handle) };
      this.armed.push(delay);
      const timer = { at: this.elapsed + wait, order: this.#order++, callback };
      this.#timers.set(handle, every === undefined ? timer : { ...timer, every });
      return handle;
    };
    const clear = (handle: object): void => void this.#timers.delete(handle);
    Object.assign(globalThis, {
      setTimeout: (callback: () => void, delay = 1) => arm(callback, delay),
      setInterval: (callback: () => void, delay: number) => arm(callback, delay, delay),
      clearTimeout: clear,
      clearInterval: clear,
    });
    Date.now = () => this.wall;
    Object.defineProperty(performance, "now", { value: () => this.elapsed, configurable: true });
  }

  uninstall(): void {
    const { now, ...timers } = this.#real;
    Object.assign(globalThis, timers);
    Date.now = now;
    delete (performance as { now?: unknown }).now;
  }

  get pending(): number {
    return this.#timers.size;
  }

  pass(span: number): void {
    const end = this.elapsed + span;
    for (;;) {
      const [handle, timer] =
        [...this.#timers].sort(([, a], [, b]) => a.at - b.at || a.order - b.order).find(([, { at }]) => at <= end) ??
        [];
      if (handle === undefined || timer === undefined) break;
      this.#to(timer.at);
      if (timer.every === undefined) this.#timers.delete(handle);
      else this.#timers.set(handle, { ...timer, at: timer.at + timer.every });
      timer.callback();
    }
    this.#to(end);
  }

  #to(elapsed: number): void {
    this.wall += elapsed - this.elapsed;
    this.elapsed = elapsed;
  }
}

function onFakeNode(name: string, body: (node: FakeNode) => void): void {
  test(name, () => {
    const node = new FakeNode();
    node.install();
    try {
      body(node);
      assert.is(node.pending, 0, "a timer of Node was left");
    } finally {
      node.uninstall();
    }
  });
}

test("it reads the machine's wall and its elapsed time", () => {
  assert.ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
  const first = systemClock.monotonic();
  assert.ok(systemClock.monotonic() >= first);
});

test("its timers are real ones, in order, and can be cleared", async () => {
  const begun = systemClock.monotonic();
  const seen: number[] = [];
  const cleared = systemClock.setTimeout(() => seen.push(0), 5);
  systemClock.clearTimeout(cleared);
  await new Promise<void>((resolve) => {
    systemClock.setTimeout(resolve, 20);
    for (const each of [1, 2]) systemClock.setTimeout(() => seen.push(each), 10);
  });
  assert.equal(seen, [1, 2]);
  assert.ok(systemClock.monotonic() - begun >= 18);
  systemClock.clearTimeout(cleared);
  systemClock.clearTimeout(undefined);
});

onFakeNode("the longest delay of Node goes in one step, and one millisecond more in two", (node) => {
  let calls = 0;
  systemClock.setTimeout(() => (calls += 1), longest);
  assert.equal(node.armed, [longest]);
  node.pass(longest);
  assert.is(calls, 1);
  systemClock.setTimeout(() => (calls += 1), longest + 1);
  node.pass(longest);
  assert.is(calls, 1);
  node.pass(1);
  assert.is(calls, 2);
  assert.equal(node.armed, [longest, longest, 1]);
});

onFakeNode("a delay of 100 days is armed in steps that Node can take, and called once at its time", (node) => {
  const seen: number[] = [];
  const begun = node.elapsed;
  systemClock.setTimeout(() => seen.push(node.elapsed - begun), 100 * day);
  node.pass(100 * day - 1);
  assert.equal(seen, []);
  node.pass(365 * day);
  assert.equal(seen, [100 * day]);
  assert.ok(node.armed.every((delay) => delay <= longest));
  assert.is(node.armed.length, 5);
});

onFakeNode("a long delay can be cleared before, between and after its steps", (node) => {
  let calls = 0;
  const timers = [60, 61, 62].map((days) => systemClock.setTimeout(() => (calls += 1), days * day));
  systemClock.clearTimeout(timers[0]);
  node.pass(30 * day);
  systemClock.clearTimeout(timers[1]);
  node.pass(40 * day);
  systemClock.clearTimeout(timers[2]);
  assert.is(calls, 1);
});

onFakeNode("steps that come late make a long delay no longer than that", (node) => {
  let rang: number | undefined;
  const begun = node.elapsed;
  systemClock.setTimeout(() => (rang = node.elapsed - begun), 40 * day);
  // The process was busy while the first step came due.
  node.elapsed += longest + 3 * day;
  node.pass(20 * day);
  assert.is(rang, 40 * day);
});

onFakeNode("delays are elapsed time: a wall that is set changes nothing", (node) => {
  let calls = 0;
  systemClock.setTimeout(() => (calls += 1), 60 * day);
  node.wall += 365 * day;
  node.pass(59 * day);
  assert.is(calls, 0);
  node.wall -= 730 * day;
  node.pass(1 * day);
  assert.is(calls, 1);
});

onFakeNode("a wall that was set, or leapt in a suspend, is told to all listeners within seconds, once", (node) => {
  const told: string[] = [];
  const ends = ["a", "b"].map((each) => systemClock.onWallJump?.(() => told.push(each)));
  node.pass(60_000);
  assert.equal(told, []);
  node.wall += 8 * 3_600_000;
  node.pass(5_000);
  assert.equal(told, ["a", "b"]);
  node.pass(60_000);
  node.wall -= 600;
  node.pass(5_000);
  assert.equal(told, ["a", "b", "a", "b"]);
  for (const end of ends) end?.();
});

onFakeNode("a wall that is slewed by less than half a second at a time is left alone until it adds up", (node) => {
  let told = 0;
  const end = systemClock.onWallJump?.(() => (told += 1));
  node.wall += 300;
  node.pass(10_000);
  assert.is(told, 0);
  node.wall += 300;
  node.pass(10_000);
  assert.is(told, 1);
  end?.();
});

onFakeNode("the look at the wall is one for all, keeps no process alive, and ends with the last listener", (node) => {
  let told = 0;
  const listener = (): void => void (told += 1);
  const ends = [systemClock.onWallJump?.(listener), systemClock.onWallJump?.(listener)];
  assert.is(node.pending, 1);
  assert.is(node.unreferenced, 1);
  ends[0]?.();
  ends[0]?.();
  node.wall += day;
  node.pass(5_000);
  assert.is(told, 1);
  ends[1]?.();
  assert.is(node.pending, 0);
  node.wall += day;
  const again = systemClock.onWallJump?.(listener);
  node.pass(5_000);
  assert.is(told, 1, "a jump while nobody listened is nobody's business");
  again?.();
});

test.run();
