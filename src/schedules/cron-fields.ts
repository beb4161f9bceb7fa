import { refuseField } from "./fields";
import { weekdayNames } from "./weekdays";

/** What a field of a cron expression may hold. */
export interface CronField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Three-letter names, in the order of the values from `min`. */
  readonly names?: readonly string[];
  /** The values go round, so that a range may wrap ("fri-mon"). */
  readonly cyclic?: true;
  /** Further forms that the field understands, as its refusals tell them. */
  readonly also?: string;
}

const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

export const cronFields = {
  second: { name: "second", min: 0, max: 59 },
  minute: { name: "minute", min: 0, max: 59 },
  hour: { name: "hour", min: 0, max: 23 },
  dayOfMonth: {
    name: "day of month",
    min: 1,
    max: 31,
    also: "?, L, L-3, 15W or LW",
  },
  month: { name: "month", min: 1, max: 12, names: monthNames, cyclic: true },
  dayOfWeek: {
    name: "day of week",
    min: 0,
    max: 7,
    names: weekdayNames.map((name) => name.slice(0, 3)),
    cyclic: true,
    also: "?, 5L or friL (the month's last), 5#3 or fri#3 (its third)",
  },
} as const satisfies Record<string, CronField>;

/** Refuses a part of a field: the field's name, what it may hold, what it holds. */
export function refuseCron(expression: string, field: CronField, part: string): never {
  const range = `${String(field.min)} to ${String(field.max)}`;
  const names = field.names ? ` (or ${String(field.names[0])} to ${String(field.names.at(-1))})` : "";
  const also = field.also ? `, or ${field.also}` : "";
  refuseField(
    `cron ${JSON.stringify(expression)}: ${field.name}`,
    `numbers from ${range}${names}, ranges a-b, steps */n, lists a,b${also}`,
    part,
  );
}

/**
 * The values that one part of a list stands for: `*`, `7`, `mon`, `1-5`, `fri-mon`, `*\/5`, `10-40/10`, `3/15`.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE naming the field, the part and the allowed range.
 */
export function parseCronPart(expression: string, field: CronField, part: string): number[] {
  const match = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d{1,4}))?$/.exec(part);
  if (match === null) refuseCron(expression, field, part);
  const [, star, low, high, stepText] = match;
  // 7 is Sunday once more: whole turns of the week end at 6.
  const last = field.max === 7 ? 6 : field.max;
  const size = last - field.min + 1;
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1 || step > size) {
    refuseField(`cron ${JSON.stringify(expression)}: ${field.name}`, `a step from 1 to ${String(size)}`, part);
  }
  let from = field.min;
  let to = last;
  if (star === undefined) {
    from = parseCronValue(expression, field, low as string);
    if (high !== undefined) to = parseCronValue(expression, field, high);
    else if (stepText === undefined) to = from;
  }
  if (from > to) {
    if (from > last) from = field.min;
    if (field.cyclic) {
      if (from > to) to += size;
    } else {
      const split = `${String(from)}-${String(last)},${String(field.min)}-${String(to)}`;
      refuseField(
        `cron ${JSON.stringify(expression)}: ${field.name}`,
        `ranges that go up (for one that goes round write ${split})`,
        part,
      );
    }
  }
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(((value - field.min) % size) + field.min);
  return values;
}

/** A single number or name of a field. */
export function parseCronValue(expression: string, field: CronField, text: string): number {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  const value = named >= 0 ? named + field.min : /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  if (!(value >= field.min && value <= field.max)) refuseCron(expression, field, text);
  return value;
}

/** The sorted values of a field that holds nothing but lists, ranges and steps. */
export function parseCronField(expression: string, field: CronField, text: string): number[] {
  const values = text.split(",").flatMap((part) => parseCronPart(expression, field, part));
  return [...new Set(values)].sort((a, b) => a - b);
}
