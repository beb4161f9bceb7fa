import { systemClock, type Clock } from "ostinato";
import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Alarms } from "../src/alarms";

const minute = 60_000;
const day = 1_440 * minute;
const start = Date.UTC(2026, 0, 1);

/** A clock that counts the timers and listeners that are set on it. */
function counting() {
  const clock = virtualClock({ start });
  const counts = { timers: 0, listeners: 0 };
  const counted: Clock = {
    ...clock,
    setTimeout(callback, delay) {
      counts.timers += 1;
      return clock.setTimeout(callback, delay);
    },
    onWallJump(listener) {
      counts.listeners += 1;
      const end = clock.onWallJump?.(listener);
      return () => {
        counts.listeners -= 1;
        end?.();
      };
    },
  };
  return { clock, counted, counts };
}

test("alarms ring at their time, by the wall and by elapsed time, one instant in the order of setting", async () => {
  const clock = virtualClock({ start });
  const alarms = new Alarms(clock);
  const seen: string[] = [];
  const note = (what: string) => () => seen.push(`${what} ${String(clock.monotonic())}`);
  alarms.at(start + 300, note("wall"));
  alarms.after(200, note("elapsed"));
  alarms.at(start + 100, note("first"));
  alarms.at(start + 300, note("wall again"));
  alarms.at(start - 5_000, note("past"));
  alarms.after(-5, note("negative"));
  assert.is(alarms.size, 6);
  await clock.advance("1s");
  assert.equal(seen.slice(2), ["first 100", "elapsed 200", "wall 300", "wall again 300"]);
  assert.equal(seen.slice(0, 2).sort(), ["negative 0", "past 0"]);
  assert.is(alarms.size, 0);
  assert.is(clock.pending(), 0);
});

test("ten thousand alarms hold one timer and one listener; none are left when the last is cancelled", () => {
  const { clock, counted, counts } = counting();
  const alarms = new Alarms(counted);
  const set = Array.from({ length: 10_000 }, (_, index) => alarms.at(start + minute + index, () => undefined));
  assert.is(clock.pending(), 1);
  assert.is(counts.timers, 1);
  assert.is(counts.listeners, 1);
  for (const alarm of set) alarm.cancel();
  assert.is(alarms.size, 0);
  assert.is(clock.pending(), 0);
  assert.is(counts.listeners, 0);
});

test("who waits only for elapsed time does not listen to the wall", async () => {
  const { clock, counted, counts } = counting();
  const alarms = new Alarms(counted);
  alarms.after(100, () => undefined);
  assert.is(counts.listeners, 0);
  alarms.at(start + 50, () => undefined);
  assert.is(counts.listeners, 1);
  await clock.advance(60);
  assert.is(counts.listeners, 0);
  assert.is(clock.pending(), 1);
});

test("a wall set forward rings at once, a wall set back waits for it; elapsed alarms do neither", async () => {
  const clock = virtualClock({ start });
  const alarms = new Alarms(clock);
  const seen: string[] = [];
  alarms.at(start + 60 * minute, () => seen.push("wall 1h"));
  alarms.at(start + 120 * minute, () => seen.push("wall 2h"));
  alarms.after(30 * minute, () => seen.push("elapsed 30m"));
  clock.setWall(start + 61 * minute);
  await clock.advance(0);
  assert.equal(seen, ["wall 1h"]);
  clock.setWall(start - day);
  await clock.advance("30m");
  assert.equal(seen, ["wall 1h", "elapsed 30m"]);
  await clock.advance("24h");
  assert.equal(seen.length, 2);
  await clock.advance("90m");
  assert.equal(seen, ["wall 1h", "elapsed 30m", "wall 2h"]);
});

test("it never rings early, also when the clock's timers do", async () => {
  const clock = virtualClock({ start });
  const hasty: Clock = { ...clock, setTimeout: (callback, delay) => clock.setTimeout(callback, Math.ceil(delay / 2)) };
  const alarms = new Alarms(hasty);
  const seen: number[] = [];
  alarms.at(start + 1_000, () => seen.push(clock.monotonic()));
  alarms.after(500, () => seen.push(clock.monotonic()));
  await clock.advance(499);
  assert.equal(seen, []);
  await clock.advance(501);
  assert.equal(seen, [500, 1_000]);
});

test("where a clock tells of no jumps, the wall is looked at every minute", async () => {
  const clock = virtualClock({ start });
  const { onWallJump, ...blind } = clock;
  assert.type(onWallJump, "function");
  const alarms = new Alarms(blind);
  let rang: number | undefined;
  alarms.at(start + 30 * day, () => (rang = clock.monotonic()));
  clock.setWall(start + 30 * day);
  await clock.advance(minute - 1);
  assert.is(rang, undefined);
  await clock.advance(1);
  assert.is(rang, minute);
});

test("alarms past 24.8 days ring once, at their time", async () => {
  const clock = virtualClock({ start });
  const alarms = new Alarms(clock);
  const seen: number[] = [];
  alarms.at(start + 100 * day, () => seen.push(clock.monotonic() / day));
  alarms.after(50 * day, () => seen.push(clock.monotonic() / day));
  await clock.advance("150d");
  assert.equal(seen, [50, 100]);
});

test("alarms may be set and cancelled from within a ring", async () => {
  const clock = virtualClock({ start });
  const alarms = new Alarms(clock);
  const seen: string[] = [];
  const first = alarms.after(10, () => {
    seen.push("first");
    first.cancel();
    second.cancel();
    second.cancel();
    alarms.after(0, () => seen.push("set for now"));
    alarms.after(5, () => seen.push("set for later"));
  });
  const second = alarms.after(10, () => seen.push("second"));
  await clock.advance(20);
  assert.equal(seen, ["first", "set for now", "set for later"]);
  assert.is(alarms.size, 0);
  assert.is(clock.pending(), 0);
});

test("what a ring leads to by promises comes before the next ring of the same instant", async () => {
  const clock = virtualClock({ start });
  const alarms = new Alarms(clock);
  const seen: string[] = [];
  for (const name of ["a", "b"]) {
    alarms.after(10, () => {
      seen.push(`${name} rings`);
      queueMicrotask(() => seen.push(`${name} goes on`));
    });
  }
  await clock.advance(10);
  assert.equal(seen, ["a rings", "a goes on", "b rings", "b goes on"]);
});

test("what yields waits for the rings that are due now, and is done at once otherwise", async () => {
  const clock = virtualClock({ start });
  const alarms = new Alarms(clock);
  const seen: string[] = [];
  alarms.yielding(() => seen.push("nothing is due"));
  alarms.after(10, () => {
    seen.push("first");
    alarms.yielding(() => seen.push("yielded"));
  });
  alarms.after(10, () => {
    seen.push("last");
    alarms.yielding(() => seen.push("nothing is left"));
  });
  alarms.after(20, () => seen.push("later"));
  await clock.advance(15);
  assert.equal(seen, ["nothing is due", "first", "last", "nothing is left", "yielded"]);
});

test("a ring that throws stops none of the others, and is told", async () => {
  const clock = virtualClock({ start });
  const errors: unknown[] = [];
  const seen: string[] = [];
  const alarms = new Alarms(clock, { onError: (error) => errors.push(error) });
  alarms.after(10, () => {
    throw new Error("broken");
  });
  alarms.after(10, () => seen.push("same instant"));
  alarms.after(20, () => seen.push("later"));
  await clock.advance(30);
  assert.equal(
    errors.map((error) => (error as Error).message),
    ["broken"],
  );
  assert.equal(seen, ["same instant", "later"]);
});

test("close cancels all, also from within a ring, and later alarms never ring", async () => {
  const { clock, counted, counts } = counting();
  const alarms = new Alarms(counted);
  const seen: string[] = [];
  alarms.after(10, () => {
    seen.push("rang");
    alarms.close();
  });
  const pending = [alarms.after(10, () => seen.push("same instant")), alarms.at(start + 20, () => seen.push("wall"))];
  await clock.advance(15);
  for (const alarm of pending) alarm.cancel();
  alarms.after(1, () => seen.push("after the end"));
  alarms.at(start, () => seen.push("after the end"));
  await clock.advance("1d");
  assert.equal(seen, ["rang"]);
  assert.is(alarms.size, 0);
  assert.is(clock.pending(), 0);
  assert.is(counts.listeners, 0);
});

test("on the system clock, rings that take long let other timers in between, and all ring", async () => {
  const alarms = new Alarms(systemClock);
  let rang = 0;
  let between = 0;
  for (let index = 0; index < 40; index++) {
    alarms.after(1, () => {
      rang += 1;
      for (const until = performance.now() + 1; performance.now() < until;);
    });
  }
  await new Promise<void>((resolve) => {
    const beat = setInterval(() => {
      if (rang > 0 && rang < 40) between += 1;
      if (rang < 40) return;
      clearInterval(beat);
      resolve();
    }, 1);
  });
  assert.ok(between > 0);
});

test.run();
