import * as fc from "fast-check";
import { flags, type Rule } from "./calendar-oracle";

/** A cron expression, and what it means told in another way: the values were there before the text. */
export interface WrittenCron {
  expression: string;
  rule: Rule;
}

interface Written {
  text: string;
  values: number[];
}

const star = (min: number, max: number): Written => ({ text: "*", values: span(min, max, 1) });

function span(from: number, to: number, step: number): number[] {
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(value);
  return values;
}

/** Single values, ranges, steps and lists of them, within the bounds. */
function anyPart(min: number, max: number, name: (value: number) => string = String): fc.Arbitrary<Written> {
  const value = fc.integer({ min, max });
  const step = fc.integer({ min: 1, max: Math.min(20, max - min) });
  return fc.oneof(
    value.map((one) => ({ text: name(one), values: [one] })),
    fc.tuple(value, value).map(([a, b]) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      return { text: `${name(low)}-${name(high)}`, values: span(low, high, 1) };
    }),
    fc.tuple(value, value, step).map(([a, b, by]) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      return { text: `${String(low)}-${String(high)}/${String(by)}`, values: span(low, high, by) };
    }),
    fc.tuple(value, step).map(([low, by]) => ({ text: `${String(low)}/${String(by)}`, values: span(low, max, by) })),
    step.map((by) => ({ text: `*/${String(by)}`, values: span(min, max, by) })),
  );
}

function anyField(min: number, max: number, name?: (value: number) => string): fc.Arbitrary<Written> {
  const list = fc.array(anyPart(min, max, name), { minLength: 1, maxLength: 3 }).map((parts) => ({
    text: parts.map((part) => part.text).join(","),
    values: parts.flatMap((part) => part.values),
  }));
  return fc.oneof({ arbitrary: fc.constant(star(min, max)), weight: 2 }, { arbitrary: list, weight: 3 });
}

type DateTest = (date: Date, length: number) => boolean;

interface WrittenDays {
  text: string;
  restricts: boolean;
  belongs: DateTest;
}

const workday = (date: Date): boolean => date.getUTCDay() !== 0 && date.getUTCDay() !== 6;

/** The day of the month, of `length` days, from Monday to Friday that lies nearest to `wanted`. */
function nearest(date: Date, length: number, wanted: number): number {
  const near = (step: number): Date => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), wanted + step));
  for (const step of [0, -1, 1, -2, 2]) {
    if (wanted + step >= 1 && wanted + step <= length && workday(near(step))) return wanted + step;
  }
  throw new Error("every month has a workday within two days of any other");
}

const datesOf: fc.Arbitrary<WrittenDays> = fc.oneof(
  { arbitrary: fc.constantFrom("*", "?").map((text) => ({ text, restricts: false, belongs: () => true })), weight: 4 },
  {
    arbitrary: anyField(1, 31).map(({ text, values }) => ({
      text,
      restricts: !text.startsWith("*"),
      belongs: (date: Date) => values.includes(date.getUTCDate()),
    })),
    weight: 4,
  },
  {
    arbitrary: fc.integer({ min: 0, max: 30 }).map((before) => ({
      text: before === 0 ? "L" : `L-${String(before)}`,
      restricts: true,
      belongs: (date: Date, length: number) => date.getUTCDate() === length - before,
    })),
    weight: 1,
  },
  {
    arbitrary: fc.integer({ min: 1, max: 31 }).map((wanted) => ({
      text: `${String(wanted)}W`,
      restricts: true,
      belongs: (date: Date, length: number) => wanted <= length && date.getUTCDate() === nearest(date, length, wanted),
    })),
    weight: 1,
  },
  {
    arbitrary: fc.constant({
      text: "LW",
      restricts: true,
      belongs: (date: Date, length: number) => date.getUTCDate() === nearest(date, length, length),
    }),
    weight: 1,
  },
);

const weekdayNames = ["sun", "MON", "tue", "Wed", "thu", "fri", "sat", "7"];

const weekdaysOf: fc.Arbitrary<WrittenDays> = fc.oneof(
  { arbitrary: fc.constantFrom("*", "?").map((text) => ({ text, restricts: false, belongs: () => true })), weight: 4 },
  {
    arbitrary: anyField(0, 6, (value) => String(weekdayNames[value])).map(({ text, values }) => ({
      text,
      restricts: !text.startsWith("*"),
      belongs: (date: Date) => values.includes(date.getUTCDay()),
    })),
    weight: 4,
  },
  {
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 1, max: 5 })).map(([weekday, nth]) => ({
      text: `${String(weekdayNames[weekday])}#${String(nth)}`,
      restricts: true,
      belongs: (date: Date) => date.getUTCDay() === weekday % 7 && Math.ceil(date.getUTCDate() / 7) === nth,
    })),
    weight: 1,
  },
  {
    arbitrary: fc.integer({ min: 0, max: 7 }).map((weekday) => ({
      text: `${String(weekday)}L`,
      restricts: true,
      belongs: (date: Date, length: number) => date.getUTCDay() === weekday % 7 && date.getUTCDate() > length - 7,
    })),
    weight: 1,
  },
);

const monthsOf = fc.oneof(
  { arbitrary: fc.constant(star(1, 12)), weight: 4 },
  { arbitrary: anyField(1, 12), weight: 1 },
);

/** Any expression; a few can never match. */
export const anyCron: fc.Arbitrary<WrittenCron> = fc
  .tuple(fc.option(anyField(0, 59)), anyField(0, 59), anyField(0, 23), datesOf, monthsOf, weekdaysOf)
  .map(([second, minute, hour, dates, months, weekdays]) => {
    const fields = [minute.text, hour.text, dates.text, months.text, weekdays.text];
    if (second !== null) fields.unshift(second.text);
    const both = dates.restricts && weekdays.restricts;
    return {
      expression: fields.join(" "),
      [fc.toStringMethod]: () => JSON.stringify(fields.join(" ")),
      rule: {
        day: (day: number) => {
          const date = new Date(day * 86_400_000);
          if (!months.values.includes(date.getUTCMonth() + 1)) return false;
          const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
          const [byDate, byWeekday] = [dates.belongs(date, length), weekdays.belongs(date, length)];
          return both ? byDate || byWeekday : byDate && byWeekday;
        },
        hours: flags(24, hour.values),
        minutes: flags(60, minute.values),
        seconds: [...new Set(second?.values ?? [0])].sort((a, b) => a - b),
      },
    };
  });
