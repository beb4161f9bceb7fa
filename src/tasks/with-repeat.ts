import type { Clock } from "../clock";
import type { Schedule } from "../schedule";
import { checkedSchedule } from "../schedules/checked";
import type { Task } from "../task";
import { readOptions } from "../validate";
import { childContext, clockOf, completeContext, compose, perform, type ComposedTask } from "./context";
import { isAbortOf } from "./failures";
import { waitFor, waitUntil } from "./wait";

export interface WithRepeatOptions {
  /** What time is read from; default: the clock of the context. */
  clock?: Clock;
}

/**
 * Runs the task at every tick of a schedule until the signal is aborted, an error is thrown or the schedule ends. An
 * interval runs at once and then after each period, counted from its first run; other schedules wait for their time.
 * Ticks that pass while a run lasts are left out (T5).
 */
export function withRepeat(schedule: Schedule, task: Task, given: WithRepeatOptions = {}): ComposedTask {
  const followed = checkedSchedule("withRepeat: schedule", schedule);
  const options = readOptions("withRepeat", given, ["clock"]);
  return compose("withRepeat", [task], async (given) => {
    const clock = options.clock ?? clockOf(given ?? {});
    const context = completeContext(given, clock);
    const wait = followed.elapsed ? byElapsedTime(followed.elapsed, clock) : byTheWall(followed, clock);
    for (;;) {
      const due = await wait(context.signal);
      if (due === undefined || context.signal.aborted) return;
      const lateBy = Math.max(0, clock.now() - due.getTime());
      try {
        await perform(task, childContext(context, { scheduledAt: due, lateBy, attempt: 1 }));
      } catch (error) {
        if (isAbortOf(error, context.signal)) return;
        throw error;
      }
    }
  });
}

/** Waits for the next tick and tells when it was due; undefined when there is none. */
type NextTick = (signal: AbortSignal) => Promise<Date | undefined>;

/** First + k × every on elapsed time: a wall that is set meanwhile changes nothing. */
function byElapsedTime({ every, immediate }: { every: number; immediate: boolean }, clock: Clock): NextTick {
  const origin = clock.monotonic();
  let tick: number | undefined;
  return async (signal) => {
    if (tick === undefined) tick = immediate ? 0 : 1;
    else tick = Math.max(tick + 1, Math.ceil((clock.monotonic() - origin) / every));
    const left = origin + tick * every - clock.monotonic();
    if (left > 0) await waitFor(clock, left, signal);
    return new Date(Math.round(clock.now() - (clock.monotonic() - origin - tick * every)));
  };
}

function byTheWall(schedule: Schedule, clock: Clock): NextTick {
  let after = clock.now();
  return async (signal) => {
    after = Math.max(after, clock.now() - 1);
    const due = schedule.next(new Date(after));
    if (due === undefined) return undefined;
    after = due.getTime();
    await waitUntil(clock, after, signal);
    return due;
  };
}
