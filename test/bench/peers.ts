import { CronJob } from "cron";
import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";
import { scheduleJob, type Job } from "node-schedule";
import { cron, daily, monthly, type Schedule } from "ostinato";

/** One scheduler, asked for the next run of an expression in a zone. */
export interface Peer {
  name: string;
  /** Makes the question once; the answer is in milliseconds, undefined for "never". */
  prepare(expression: string, zone: string): (after: number) => number | undefined;
}

/** `daily` and `monthly` where the expression is one time of day, `cron` otherwise. */
function ours(expression: string, timeZone: string): Schedule {
  const [minute, hour, day, month, weekday, ...rest] = expression.split(" ");
  const time = { minute: Number(minute), hour: Number(hour), timeZone };
  const simple = rest.length === 0 && month === "*" && weekday === "*" && Number.isInteger(time.minute + time.hour);
  if (simple && day === "*") return daily(time);
  if (simple && day === "L") return monthly({ day: 31, ...time });
  return cron(expression, { timeZone });
}

export const ostinato: Peer = {
  name: "ostinato",
  prepare(expression, zone) {
    const schedule = ours(expression, zone);
    return (after) => schedule.next(new Date(after))?.getTime();
  },
};

export const croner: Peer = {
  name: "croner",
  prepare(expression, zone) {
    const job = new Cron(expression, { timezone: zone, paused: true });
    return (after) => job.nextRun(new Date(after))?.getTime();
  },
};

export const cronParser: Peer = {
  name: "cron-parser",
  prepare: (expression, zone) => (after) =>
    CronExpressionParser.parse(expression, { currentDate: new Date(after), tz: zone })
      .next()
      .getTime(),
};

export const cronPackage: Peer = {
  name: "cron",
  prepare(expression, zone) {
    const job = CronJob.from({ cronTime: expression, onTick: () => undefined, timeZone: zone, start: false });
    // It gives up eight years from now.
    return (after) => atNow(after, () => job.cronTime.getNextDateFrom(new Date(after), zone).toMillis());
  },
};

/** It cannot be asked for the run after an instant, only for the next from now: so "now" is set for the question. */
export const nodeSchedule: Peer = {
  name: "node-schedule",
  prepare(expression, zone) {
    return (after) =>
      atNow(after, () => {
        const job = scheduleJob({ rule: expression, tz: zone, start: new Date(after) }, () => undefined) as Job | null;
        const next = job?.nextInvocation()?.getTime();
        job?.cancel();
        return next;
      });
  },
};

/** Asks while Date.now() tells a chosen time. */
function atNow<T>(now: number, ask: () => T): T {
  const realNow = Date.now;
  Date.now = () => now;
  try {
    return ask();
  } finally {
    Date.now = realNow;
  }
}
