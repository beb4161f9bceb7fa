import { OstinatoError } from "ostinato";
import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";

const day = 86_400_000;

async function refusal(work: () => unknown): Promise<OstinatoError> {
  try {
    await work();
  } catch (error) {
    assert.instance(error, OstinatoError);
    return error as OstinatoError;
  }
  throw new Error("was not refused");
}

test("it stands still until it is told to go on", async () => {
  const clock = virtualClock();
  let rang = false;
  clock.setTimeout(() => (rang = true), 0);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(clock.now(), Date.UTC(2026, 0, 1));
  assert.is(clock.monotonic(), 0);
  assert.not(rang);
  await clock.advance(0);
  assert.ok(rang);
  assert.is(clock.monotonic(), 0);
});

test("the wall starts where it is told, as a Date, milliseconds or ISO text", () => {
  for (const start of [new Date("2020-02-29T12:00:00Z"), Date.UTC(2020, 1, 29, 12), "2020-02-29T12:00:00Z"]) {
    assert.is(virtualClock({ start }).now(), Date.UTC(2020, 1, 29, 12));
  }
});

test("every callback sees its exact time", async () => {
  const clock = virtualClock({ start: 1_000_000 });
  const seen: number[][] = [];
  for (const delay of [70, 10, 1_000]) {
    clock.setTimeout(() => seen.push([clock.monotonic(), clock.now() - 1_000_000]), delay);
  }
  await clock.advance("1s");
  assert.equal(seen, [
    [10, 10],
    [70, 70],
    [1_000, 1_000],
  ]);
});

test("timers of one instant are called in the order in which they were set, whatever was set between", async () => {
  const clock = virtualClock();
  const seen: string[] = [];
  clock.setTimeout(() => seen.push("a"), 100);
  clock.setTimeout(() => seen.push("early"), 50);
  clock.setTimeout(() => seen.push("b"), 100);
  await clock.advance(60);
  clock.setTimeout(() => seen.push("c"), 40);
  await clock.advance(40);
  assert.equal(seen, ["early", "a", "b", "c"]);
});

test("promises settle between one instant and the next, however long their chain", async () => {
  const clock = virtualClock();
  const seen: string[] = [];
  const chain = async (): Promise<void> => {
    for (let step = 0; step < 50; step++) await Promise.resolve();
    seen.push(`chain ended at ${String(clock.monotonic())}`);
  };
  clock.setTimeout(() => void chain(), 10);
  clock.setTimeout(() => seen.push("next instant"), 11);
  await clock.advance("1s");
  assert.equal(seen, ["chain ended at 10", "next instant"]);
});

test("timers that a settled promise sets are called in the same advance, at their time", async () => {
  const clock = virtualClock();
  const seen: number[] = [];
  const sleep = (delay: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, delay));
  const work = (async () => {
    for (let step = 0; step < 4; step++) {
      await sleep(25);
      seen.push(clock.monotonic());
    }
  })();
  await clock.advance(100);
  await work;
  assert.equal(seen, [25, 50, 75, 100]);
});

test("timers set from timers, for the same instant and for later, are called in this advance", async () => {
  const clock = virtualClock();
  const seen: string[] = [];
  clock.setTimeout(() => {
    seen.push("outer");
    clock.setTimeout(() => seen.push("same instant"), 0);
    clock.setTimeout(() => seen.push("later"), 5);
    clock.setTimeout(() => seen.push("too late"), 6);
  }, 10);
  clock.setTimeout(() => seen.push("sibling"), 10);
  await clock.advance(15);
  assert.equal(seen, ["outer", "sibling", "same instant", "later"]);
  assert.is(clock.pending(), 1);
});

test("a timer may be cleared from a callback of its own instant, twice, and after it was called", async () => {
  const clock = virtualClock();
  const seen: string[] = [];
  const first = clock.setTimeout(() => {
    seen.push("first");
    clock.clearTimeout(second);
    clock.clearTimeout(first);
  }, 10);
  const second = clock.setTimeout(() => seen.push("second"), 10);
  clock.setTimeout(() => seen.push("third"), 20);
  await clock.advance(10);
  clock.clearTimeout(first);
  clock.clearTimeout(second);
  clock.clearTimeout(undefined);
  assert.is(clock.pending(), 1);
  await clock.advance(10);
  assert.equal(seen, ["first", "third"]);
  assert.is(clock.pending(), 0);
});

test("advanceTo goes on until the wall shows the date, and refuses one that has passed", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  let rang = 0;
  clock.setTimeout(() => (rang = clock.now()), 31 * day);
  await clock.advanceTo("2026-02-01T00:00:00Z");
  assert.is(rang, Date.UTC(2026, 1, 1));
  await clock.advanceTo(new Date("2026-02-01T00:00:00Z"));
  assert.is(clock.monotonic(), 31 * day);
  const error = await refusal(() => clock.advanceTo("2026-01-31T00:00:00Z"));
  assert.is(error.code, "ERR_INVALID_OPTION");
  assert.match(error.message, /advanceTo: expected a time that has not passed; got "2026-01-31/);
  assert.is(clock.monotonic(), 31 * day);
});

test("setWall moves the wall alone: elapsed time stands, timers keep their time, listeners are told", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const told: string[] = [];
  const listener = () => void told.push(new Date(clock.now()).toISOString());
  const ends = [clock.onWallJump?.(listener), clock.onWallJump?.(listener)];
  let rang: number | undefined;
  clock.setTimeout(() => (rang = clock.monotonic()), 1_000);
  clock.setWall("2026-06-01T00:00:00Z");
  assert.equal(told, ["2026-06-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z"]);
  assert.is(clock.monotonic(), 0);
  assert.is(rang, undefined);
  ends[0]?.();
  clock.setWall("2025-01-01T00:00:00Z");
  ends[1]?.();
  ends[1]?.();
  clock.setWall("2024-01-01T00:00:00Z");
  assert.is(told.length, 3);
  await clock.advance("1s");
  assert.is(rang, 1_000);
  assert.is(clock.now(), Date.UTC(2024, 0, 1, 0, 0, 1));
});

test("a wall set while time passes to a date is taken into account", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  clock.setTimeout(() => clock.setWall("2026-01-01T12:00:00Z"), 3_600_000);
  await clock.advanceTo("2026-01-01T13:00:00Z");
  assert.is(clock.now(), Date.UTC(2026, 0, 1, 13));
  assert.is(clock.monotonic(), 2 * 3_600_000);
});

test("negative, NaN and unreadable spans and dates are refused, and time stands", async () => {
  const clock = virtualClock();
  for (const wrong of [-1, NaN, "soon", "-5m", Infinity, undefined]) {
    assert.is((await refusal(() => clock.advance(wrong as number))).code, "ERR_INVALID_DURATION");
  }
  for (const wrong of [NaN, "yesterday", new Date(NaN)]) {
    assert.is((await refusal(() => clock.advanceTo(wrong))).code, "ERR_INVALID_OPTION");
    assert.is((await refusal(() => clock.setWall(wrong))).code, "ERR_INVALID_OPTION");
    assert.is((await refusal(() => virtualClock({ start: wrong }))).code, "ERR_INVALID_OPTION");
  }
  assert.is(clock.monotonic(), 0);
});

test("a negative delay, or one that is no number, counts as 0", async () => {
  const clock = virtualClock();
  const seen: number[] = [];
  for (const delay of [-5, NaN, 0]) clock.setTimeout(() => seen.push(clock.monotonic()), delay);
  await clock.advance(0);
  assert.equal(seen, [0, 0, 0]);
});

test("a callback that throws fails the advance, once all of its instant were called; the next advance goes on", async () => {
  const clock = virtualClock();
  const seen: string[] = [];
  const broken = new Error("broken");
  clock.setTimeout(() => {
    throw broken;
  }, 10);
  clock.setTimeout(() => seen.push("same instant"), 10);
  clock.setTimeout(() => seen.push("later"), 20);
  const error = await clock.advance(30).catch((thrown: unknown) => thrown);
  assert.is(error, broken);
  assert.equal(seen, ["same instant"]);
  assert.is(clock.monotonic(), 10);
  await clock.advance(10);
  assert.equal(seen, ["same instant", "later"]);
});

test("advances that are not awaited happen one after the other", async () => {
  const clock = virtualClock();
  const seen: number[] = [];
  for (const delay of [10, 30]) clock.setTimeout(() => seen.push(clock.monotonic()), delay);
  await Promise.all([clock.advance(20), clock.advance(20)]);
  assert.equal(seen, [10, 30]);
  assert.is(clock.monotonic(), 40);
});

test("settle is awaited after each instant at which something was called", async () => {
  let settled = 0;
  const clock = virtualClock({ settle: async () => void (settled += 1) });
  for (const delay of [10, 10, 20, 500]) clock.setTimeout(() => undefined, delay);
  await clock.advance(100);
  assert.is(settled, 3, "once before, and once for each of two instants");
});

test("delays past 24.8 days are ordinary", async () => {
  const clock = virtualClock();
  let rang: number | undefined;
  clock.setTimeout(() => (rang = clock.monotonic()), 400 * day);
  await clock.advance(400 * day - 1);
  assert.is(rang, undefined);
  await clock.advance(1);
  assert.is(rang, 400 * day);
});

test("100,000 timers, a third of them cleared, take little time", async () => {
  const clock = virtualClock();
  const begun = performance.now();
  let rang = 0;
  for (let index = 0; index < 100_000; index++) {
    const timer = clock.setTimeout(() => (rang += 1), (index * 7_919) % 1_000);
    if (index % 3 === 0) clock.clearTimeout(timer);
  }
  assert.is(clock.pending(), 66_666);
  await clock.advance("1s");
  assert.is(rang, 66_666);
  assert.is(clock.pending(), 0);
  const took = performance.now() - begun;
  assert.ok(took < 5_000, `took ${took.toFixed(0)} ms`);
});

test.run();
