import { Temporal } from "@js-temporal/polyfill";
import { daysFromCivil } from "./civil";

/** A stretch of time, `from` included and `to` not, over which a zone keeps one offset. All in milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** What to add to an instant to read the wall. */
  readonly offset: number;
  /** The wall at the end of the span before, or -Infinity where that does not matter: it exceeds `from + offset` in an overlap. */
  readonly wallBefore: number;
}

const millisecondsOfDay = 86_400_000;
/** The last instant that Temporal and Date can hold; the first is its negative. */
export const instantMax = 8.64e15;
/**
 * Temporal's own search for changes looks every two weeks and so misses the week of summer time that parts of Brazil
 * had in October 2000. That week is the shortest time for which any zone has kept an offset.
 */
const stepOfSearch = 5 * millisecondsOfDay;
/** No two changes that are further apart than this bear upon each other: the wall never jumps by more than a day. */
const reach = 3 * millisecondsOfDay;

/** What one time zone's wall shows. Spans are found a year at a time and remembered. */
export class Zone {
  readonly id: string;
  readonly #years = new Map<number, Span[]>();
  #last: Span = { from: 0, to: 0, offset: 0, wallBefore: -Infinity };

  constructor(id: string) {
    this.id = id;
    this.#offsetAt(0);
  }

  /** The span that holds an instant. Spans also end where a year (UTC) does. */
  spanAt(instant: number): Span {
    const last = this.#last;
    if (instant >= last.from && instant < last.to) return last;
    const year = new Date(instant).getUTCFullYear();
    let spans = this.#years.get(year);
    if (spans === undefined) {
      spans = this.#findSpans(year);
      this.#years.set(year, spans);
    }
    // The spans of a year leave out nothing of it.
    const found = spans.find((span) => instant < span.to) as Span;
    this.#last = found;
    return found;
  }

  #findSpans(year: number): Span[] {
    const start = Math.max(-instantMax, startOfYear(year));
    const end = Math.min(instantMax + 1, startOfYear(year + 1));
    const spans: Span[] = [];
    let wallBefore = -Infinity;
    let from = Math.max(-instantMax, start - reach);
    let offset = this.#offsetAt(from);
    let left = from;
    while (left < end) {
      const right = Math.min(left + stepOfSearch, end, instantMax);
      const offsetRight = this.#offsetAt(right);
      if (offsetRight !== offset) {
        const change = this.#bisect(left, right, offset);
        if (change >= end) break;
        spans.push({ from, to: change, offset, wallBefore });
        wallBefore = Math.max(wallBefore, change + offset);
        from = left = change;
        offset = this.#offsetAt(change);
        continue;
      }
      if (right === instantMax) break;
      left = right;
    }
    spans.push({ from, to: end, offset, wallBefore });
    return spans.filter((span) => span.to > start).map((span) => ({ ...span, from: Math.max(span.from, start) }));
  }

  /** The first instant in (`left`, `right`] whose offset is not `offset`. */
  #bisect(left: number, right: number, offset: number): number {
    while (right - left > 1) {
      const middle = Math.floor((left + right) / 2);
      if (this.#offsetAt(middle) === offset) left = middle;
      else right = middle;
    }
    return right;
  }

  #offsetAt(instant: number): number {
    const zoned = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(this.id);
    return Math.round(zoned.offsetNanoseconds / 1e6);
  }
}

function startOfYear(year: number): number {
  return daysFromCivil(year, 1, 1) * millisecondsOfDay;
}

const zones = new Map<string, Zone>();

/** The zone of an IANA name, or undefined when Node does not know it. Zones are made once a name. */
export function findZone(name: string): Zone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  try {
    // Names that only Temporal understands, such as "+02:00", are refused here.
    new Intl.DateTimeFormat("en", { timeZone: name });
    const zone = new Zone(name);
    zones.set(name, zone);
    return zone;
  } catch {
    return undefined;
  }
}

/** The zone of the machine. */
export function systemZoneName(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
