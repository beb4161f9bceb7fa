import { cronFields, parseCronPart, parseCronValue, refuseCron } from "./cron-fields";
import type { DayRule } from "./pattern";
import { datesOnWeekday } from "./weekdays";

/**
 * The days that a cron's two day fields choose together. As crontab has it: a field that begins with `*` (or is `?`)
 * does not restrict; where both restrict, a day of either is enough.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE
 */
export function parseCronDays(expression: string, dayOfMonth: string, dayOfWeek: string): DayRule {
  const byDate = parseList(expression, dayOfMonth, parseDate);
  const byWeekday = parseList(expression, dayOfWeek, parseWeekday);
  const both = !/^[*?]/.test(dayOfMonth) && !/^[*?]/.test(dayOfWeek);
  return (length, first) =>
    both ? byDate(length, first) | byWeekday(length, first) : byDate(length, first) & byWeekday(length, first);
}

const everyDay: DayRule = () => 0x7fffffff;

function parseList(expression: string, text: string, parse: (expression: string, part: string) => DayRule): DayRule {
  if (text === "?") return everyDay;
  const rules = text.split(",").map((part) => parse(expression, part));
  return (length, first) => rules.reduce((bits, rule) => bits | rule(length, first), 0);
}

function parseDate(expression: string, part: string): DayRule {
  const field = cronFields.dayOfMonth;
  const fromEnd = /^L(?:-(\d{1,2}))?$/i.exec(part);
  if (fromEnd) {
    const before = Number(fromEnd[1] ?? 0);
    if (before > 30) refuseCron(expression, field, part);
    return (length) => (before < length ? 1 << (length - 1 - before) : 0);
  }
  if (/^(?:LW|WL)$/i.test(part)) return (length, first) => nearestWorkday(length, length, first);
  const workday = /^(\d{1,2})W$/i.exec(part);
  if (workday) {
    const date = parseCronValue(expression, field, workday[1] as string);
    return (length, first) => (date <= length ? nearestWorkday(date, length, first) : 0);
  }
  const bits = parseCronPart(expression, field, part).reduce((set, date) => set | (1 << (date - 1)), 0);
  return () => bits;
}

/** The bit of the day from Monday to Friday that is nearest to a date without leaving its month. */
function nearestWorkday(date: number, length: number, first: number): number {
  const weekday = (first + date - 1) % 7;
  let nearest = date;
  if (weekday === 6) nearest = date === 1 ? 3 : date - 1;
  if (weekday === 0) nearest = date === length ? date - 2 : date + 1;
  return 1 << (nearest - 1);
}

function parseWeekday(expression: string, part: string): DayRule {
  const field = cronFields.dayOfWeek;
  const last = /^(\w{1,3})(?:L|#L)$/i.exec(part);
  if (last) {
    const weekday = parseCronValue(expression, field, last[1] as string) % 7;
    // Of a weekday's dates those past the month's end drop out; the highest bit left is the last one.
    return (length, first) => highestBit(datesOnWeekday(weekday, first) & mask(length));
  }
  const nth = /^(\w{1,3})#([1-5])$/.exec(part);
  if (nth) {
    const weekday = parseCronValue(expression, field, nth[1] as string) % 7;
    const week = Number(nth[2]) - 1;
    return (_length, first) => datesOnWeekday(weekday, first) & (0x7f << (7 * week));
  }
  const weekdays = parseCronPart(expression, field, part);
  return (_length, first) => weekdays.reduce((bits, weekday) => bits | datesOnWeekday(weekday % 7, first), 0);
}

function mask(length: number): number {
  return length === 31 ? 0x7fffffff : (1 << length) - 1;
}

function highestBit(bits: number): number {
  return 1 << (31 - Math.clz32(bits));
}
