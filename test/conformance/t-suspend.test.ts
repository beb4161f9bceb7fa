import {
  createRuntime,
  cron,
  daily,
  interval,
  type Clock,
  type Misfire,
  type Schedule,
  type TaskContext,
} from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.UTC(2026, 0, 1, 0, 30);
const timeZone = "UTC";

/** Not a whole number of hours: nothing is due just when the machine wakes. */
const sleep = 3 * day + 10 * minute;
const fallsAsleep = start + 10 * hour;
const wakes = fallsAsleep + sleep;
const end = wakes + 10 * hour;

/** The ticks of a run of a task through ten hours awake, a sleep in which no timer rings, and ten hours awake. */
async function sleepThrough(schedule: Schedule, misfire: Misfire, elapsedStands: boolean): Promise<number[]> {
  const inner = virtualClock({ start });
  let asleep = 0;
  const clock: Clock = { ...inner, monotonic: () => inner.monotonic() + asleep };
  const ticks: number[] = [];
  const runtime = createRuntime({ clock, logger: pino({ level: "silent" }) });
  const run = ({ scheduledAt }: TaskContext): void => void ticks.push(scheduledAt.getTime());
  runtime.spawn({ name: "sleeper", schedule, misfire, misfireMaxAge: "7d", run });
  await runtime.start();
  await inner.advance(10 * hour);
  if (!elapsedStands) asleep = sleep;
  inner.setWall(wakes);
  await inner.advance(10 * hour);
  await runtime.stop();
  return ticks;
}

const noon = Date.UTC(2026, 0, 1, 12);
const schedules: [name: string, make: () => Schedule, first: number, period: number][] = [
  ["daily", () => daily({ hour: 12, timeZone }), noon, day],
  ["cron", () => cron("0 * * * *", { timeZone }), start + hour / 2, hour],
  ["interval", () => interval("1h", { immediate: false }), start + hour, hour],
  ["anchored interval", () => interval("1h", { anchor: new Date(start), immediate: false }), start + hour, hour],
];
const caughtUp: Record<Misfire, (missed: number[]) => number[]> = {
  once: (missed) => missed.slice(-1),
  skip: () => [],
  all: (missed) => missed,
};

for (const elapsedStands of [true, false])
  for (const misfire of ["once", "skip", "all"] as const)
    for (const [name, make, first, period] of schedules) {
      const elapsed = elapsedStands ? "stands" : "goes on";
      test(`T14 ${name}, misfire "${misfire}": three days of sleep in which elapsed time ${elapsed}`, async () => {
        const due: number[] = [];
        for (let at = first; at <= end; at += period) due.push(at);
        const missed = due.filter((at) => at > fallsAsleep && at < wakes);
        const caught = caughtUp[misfire](missed);
        const expected = due.filter((at) => !missed.includes(at) || caught.includes(at));
        const ticks = await sleepThrough(make(), misfire, elapsedStands);
        assert.equal(ticks.map(iso), expected.map(iso));
      });
    }

function iso(at: number): string {
  return new Date(at).toISOString();
}

test.run();
