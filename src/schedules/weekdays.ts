/** English names of the days, Sunday first; a three-letter beginning is understood too. */
export const weekdayNames = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;

type LongName = (typeof weekdayNames)[number];
type ShortName = "sun" | "mon" | "tue" | "wed" | "thu" | "fri" | "sat";

/** 0 or 7 for Sunday to 6 for Saturday, or an English name, whole or cut to three letters, in any case. */
export type Weekday =
  | number
  | LongName
  | ShortName
  | Capitalize<LongName>
  | Capitalize<ShortName>
  | Uppercase<LongName>
  | Uppercase<ShortName>;

/** The bits of every date of a month on the given weekday (0 to 6), its first day falling on `first`. */
export function datesOnWeekday(weekday: number, first: number): number {
  const earliest = (weekday - first + 7) % 7;
  let bits = 0;
  for (let date = earliest; date < 31; date += 7) bits |= 1 << date;
  return bits;
}
