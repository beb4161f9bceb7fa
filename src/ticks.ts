import { Observable, type Subscriber } from "rxjs";
import { Alarms } from "./alarms";
import type { Clock } from "./clock";
import { parseDuration, type Duration } from "./duration";
import { planTicks, type Misfire } from "./rules/misfire";
import type { Schedule } from "./schedule";
import { checkedSchedule } from "./schedules/checked";
import { readOptions, refuse, requireInteger, requireMethod, requireOneOf } from "./validate";

/** One due time that has come. */
export interface Tick {
  /** When it was due. */
  at: Date;
  /** How many ticks this subscription was told before it. */
  index: number;
  /** Milliseconds by which it is late. */
  lateBy: number;
}

export interface TicksOptions {
  /**
   * The last tick that was dealt with: those after it come, and an interval counts from it. Default: now, and the first
   * tick of an interval comes at once unless it was made with `immediate: false`.
   */
  since?: Date;
  /**
   * What to tell of ticks that were missed, because the wall was set forward, the machine slept or the process was
   * busy: the latest, none, or each. Default `"once"`.
   */
  misfire?: Misfire;
  /** The most missed ticks that misfire "all" tells. Default 100. */
  misfireLimit?: number;
  /** A tick that is late by no more than this was not missed. Default `"1s"`. */
  grace?: Duration;
}

/**
 * The ticks of a schedule as a stream on a clock. It is cold: each subscription has its own, and one that ends leaves
 * neither a timer nor a listener.
 *
 * A calendar follows the wall: set forward, what was skipped is told by the misfire rule; set back, nothing is told
 * twice. An interval without an anchor follows elapsed time, whatever happens to the wall. The stream completes when
 * the schedule ends, and fails when its `next` throws.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION
 */
export function ticks(schedule: Schedule, clock: Clock, given: TicksOptions = {}): Observable<Tick> {
  const followed = checkedSchedule("ticks: schedule", schedule);
  requireMethod("ticks: clock", clock, "monotonic");
  const options = readOptions("ticks", given, ["since", "misfire", "misfireLimit", "grace"]);
  const { since } = options;
  if (since !== undefined && !(since instanceof Date && Number.isFinite(since.getTime()))) {
    refuse("ticks: since", "a valid Date", since);
  }
  const rule: MisfireRule = {
    misfire: requireOneOf("ticks: misfire", ["once", "skip", "all"], options.misfire ?? "once"),
    limit: requireInteger("ticks: misfireLimit", options.misfireLimit ?? 100, 1, 100_000),
    grace: parseDuration("ticks: grace", options.grace ?? "1s", { min: 0 }),
    maxAge: Infinity,
  };
  return new Observable((subscriber) => {
    const alarms = new Alarms(clock);
    subscriber.add(() => alarms.close());
    follow(followed, timeline(followed, clock, alarms, since), rule, subscriber);
  });
}

type MisfireRule = Pick<Parameters<typeof planTicks>[0], "misfire" | "limit" | "grace" | "maxAge">;

/** What a schedule's ticks are counted on. */
interface Timeline {
  /** The last tick that was dealt with when it began. */
  readonly start: number;
  now(): number;
  /** Calls `ring` at `tick` or later. */
  at(tick: number, ring: () => void): void;
  /** The wall's reading of a tick that has come. */
  nominal(tick: number): number;
}

function timeline({ elapsed }: Schedule, clock: Clock, alarms: Alarms, since: Date | undefined): Timeline {
  if (elapsed === undefined) {
    return {
      start: since?.getTime() ?? clock.now(),
      now: () => clock.now(),
      at: (tick, ring) => alarms.at(tick, ring),
      nominal: (tick) => tick,
    };
  }
  const passed = since === undefined ? 0 : clock.now() - since.getTime();
  const before = since === undefined && elapsed.immediate ? elapsed.every : 0;
  return {
    start: clock.monotonic() - passed - before,
    now: () => clock.monotonic(),
    at: (tick, ring) => alarms.after(tick - clock.monotonic(), ring),
    nominal: (tick) => Math.round(clock.now() - (clock.monotonic() - tick)),
  };
}

function follow(schedule: Schedule, time: Timeline, rule: MisfireRule, subscriber: Subscriber<Tick>): void {
  let last = time.start;
  let index = 0;
  const look = (tell: boolean): void => {
    try {
      const now = tell ? time.now() : -Infinity;
      const plan = planTicks({ schedule, last, now, ...rule });
      last = plan.handled;
      for (const tick of plan.run) {
        if (subscriber.closed) return;
        subscriber.next({
          at: new Date(time.nominal(tick.at)),
          index: index++,
          lateBy: Math.max(0, Math.round(now - tick.at)),
        });
      }
      if (plan.next === undefined) subscriber.complete();
      else if (!subscriber.closed) time.at(plan.next, () => look(true));
    } catch (error) {
      subscriber.error(error);
    }
  };
  // The first look only finds out what to wait for: nothing is told before subscribe has returned.
  look(false);
}
