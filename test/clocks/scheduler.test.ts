import { rxScheduler, systemClock } from "ostinato";
import { virtualClock } from "ostinato/testing";
import { debounceTime, delay, firstValueFrom, interval, map, of, Subject, take, timer, toArray } from "rxjs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createActor, setup } from "xstate";

const day = 86_400_000;

test("timer, interval, delay and debounceTime pass time on the virtual clock", async () => {
  const clock = virtualClock();
  const scheduler = rxScheduler(clock);
  const seen: string[] = [];
  const note = (what: string) => () => seen.push(`${what} ${String(clock.monotonic())}`);
  timer(1_500, scheduler).subscribe(note("timer"));
  interval(1_000, scheduler).pipe(take(3)).subscribe(note("interval"));
  of(1).pipe(delay(250, scheduler)).subscribe(note("delay"));
  const typed = new Subject<string>();
  typed.pipe(debounceTime(300, scheduler)).subscribe(note("debounced"));
  for (const at of [0, 200, 400, 900]) clock.setTimeout(() => typed.next(""), at);
  await clock.advance("10s");
  assert.equal(seen, [
    ...["delay 250", "debounced 700", "interval 1000", "debounced 1200", "timer 1500"],
    ...["interval 2000", "interval 3000"],
  ]);
  assert.is(clock.pending(), 0);
});

test("the same operators run on the system clock", async () => {
  const scheduler = rxScheduler(systemClock);
  const begun = systemClock.monotonic();
  const beats = await firstValueFrom(interval(5, scheduler).pipe(take(3), toArray()));
  assert.equal(beats, [0, 1, 2]);
  assert.ok(systemClock.monotonic() - begun >= 14);
  assert.is(await firstValueFrom(of("late").pipe(delay(1, scheduler))), "late");
  assert.ok(Math.abs(scheduler.now() - systemClock.now()) < 1_000);
});

test("now is the wall, and a timer to a date waits for what the wall lacks of it", async () => {
  const clock = virtualClock({ start: "2026-05-01T00:00:00Z" });
  const scheduler = rxScheduler(clock);
  assert.is(scheduler.now(), Date.UTC(2026, 4, 1));
  let rang: number | undefined;
  timer(new Date("2026-05-01T00:10:00Z"), scheduler).subscribe(() => (rang = clock.monotonic()));
  await clock.advance("1h");
  assert.is(rang, 600_000);
});

test("work reschedules itself with another state and delay, and keeps its this", async () => {
  const clock = virtualClock();
  const seen: [number, number][] = [];
  rxScheduler(clock).schedule<number>(
    function (state) {
      seen.push([state, clock.monotonic()]);
      if (state < 3) this.schedule(state + 1, state * 100);
    },
    50,
    1,
  );
  await clock.advance("1s");
  assert.equal(seen, [
    [1, 50],
    [2, 150],
    [3, 350],
  ]);
});

test("unsubscribing cancels, before the work, from within it and after it", async () => {
  const clock = virtualClock();
  const scheduler = rxScheduler(clock);
  let calls = 0;
  const before = scheduler.schedule(() => (calls += 1), 10);
  before.unsubscribe();
  assert.is(clock.pending(), 0);
  scheduler.schedule(function () {
    calls += 1;
    this.schedule(undefined, 10);
    this.unsubscribe();
    this.schedule(undefined, 10);
  }, 10);
  const beat = interval(10, scheduler).subscribe(() => (calls += 1));
  await clock.advance(35);
  assert.is(calls, 4);
  beat.unsubscribe();
  assert.is(clock.pending(), 0);
  await clock.advance("1h");
  assert.is(calls, 4);
});

test("a delay of 0 is not called before schedule has returned; a negative one counts as 0", async () => {
  const clock = virtualClock();
  const scheduler = rxScheduler(clock);
  const seen: string[] = [];
  scheduler.schedule(() => seen.push("none given"));
  scheduler.schedule(() => seen.push("0"), 0);
  scheduler.schedule(() => seen.push("negative"), -5);
  assert.equal(seen, []);
  await clock.advance(0);
  assert.equal(seen, ["none given", "0", "negative"]);
});

test("work that throws is not called again, and the error leaves the timer", async () => {
  const clock = virtualClock();
  const broken = new Error("broken");
  const action = rxScheduler(clock).schedule(function () {
    this.schedule(undefined, 1);
    throw broken;
  }, 1);
  const error = await clock.advance("1s").catch((thrown: unknown) => thrown);
  assert.is(error, broken);
  assert.ok(action.closed);
  assert.is(clock.pending(), 0);
});

test("a timer and an interval past 24.8 days are right", async () => {
  const clock = virtualClock();
  const scheduler = rxScheduler(clock);
  const seen: number[] = [];
  timer(60 * day, 30 * day, scheduler)
    .pipe(take(3))
    .subscribe(() => seen.push(clock.monotonic() / day));
  await clock.advance("200d");
  assert.equal(seen, [60, 90, 120]);
});

test("statecharts' delays, RxJS timers and plain timers of one instant come in the order in which they were set", async () => {
  const clock = virtualClock();
  const scheduler = rxScheduler(clock);
  const seen: string[] = [];
  const machine = setup({ actions: { note: (_, params: string) => seen.push(params) } }).createMachine({
    initial: "a",
    states: {
      a: { after: { 100: { target: "b", actions: { type: "note", params: "after 100" } } } },
      b: { after: { 100: { target: "c", actions: { type: "note", params: "after 200" } } } },
      c: {},
    },
  });
  const actor = createActor(machine, { clock });
  timer(100, scheduler).subscribe(() => seen.push("timer 100"));
  actor.start();
  clock.setTimeout(() => seen.push("plain 100"), 100);
  timer(200, scheduler)
    .pipe(map(() => seen.push("timer 200")))
    .subscribe();
  await clock.advance("1s");
  // The second delay of the statechart was set at 100, after the timer to the same instant.
  assert.equal(seen, ["timer 100", "after 100", "plain 100", "timer 200", "after 200"]);
  actor.stop();
});

test.run();
