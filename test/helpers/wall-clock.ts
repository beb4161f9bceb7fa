/**
 * What a zone's wall shows, found by asking Intl for offsets and by nothing of the library: the ground of the oracles.
 */
export interface Change {
  /** The first instant of the new offset. */
  readonly at: number;
  /** Offsets before and after in milliseconds. */
  readonly before: number;
  readonly after: number;
}

const millisecondsOfDay = 86_400_000;
const millisecondsOfMinute = 60_000;

export class WallClock {
  readonly changes: readonly Change[];
  readonly #format: Intl.DateTimeFormat;
  readonly #firstOffset: number;

  constructor(
    readonly zone: string,
    from: number,
    to: number,
  ) {
    this.#format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    this.#firstOffset = this.offsetAt(from);
    this.changes = this.#search(from, to);
  }

  /** Straight from Intl. */
  offsetAt(instant: number): number {
    const text = this.#format.format(instant);
    const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text);
    if (match === null) throw new Error(`no offset in "${text}"`);
    const [, sign, hours = "0", minutes = "0", seconds = "0"] = match;
    const offset = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
    return sign === "-" ? -offset : offset;
  }

  /** The wall's minute (counted from 1970-01-01T00:00 on the wall) at each of `length` minutes from `start`. */
  minutes(start: number, length: number): Int32Array {
    const walls = new Int32Array(length);
    let index = 0;
    let offset = this.#firstOffset;
    for (const change of this.changes) {
      if (change.at > start) break;
      index += 1;
      offset = change.after;
    }
    for (let minute = 0; minute < length; minute += 1) {
      const instant = start + minute * millisecondsOfMinute;
      const change = this.changes[index];
      if (change !== undefined && change.at <= instant) {
        offset = change.after;
        index += 1;
      }
      walls[minute] = (instant + offset) / millisecondsOfMinute;
    }
    return walls;
  }

  #search(from: number, to: number): Change[] {
    const changes: Change[] = [];
    let before = this.#firstOffset;
    for (let day = from; day < to; day += millisecondsOfDay) {
      const after = this.offsetAt(Math.min(day + millisecondsOfDay, to));
      if (after === before) continue;
      let [low, high] = [day, day + millisecondsOfDay];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (this.offsetAt(middle) === before) low = middle;
        else high = middle;
      }
      if (
        high % millisecondsOfMinute !== 0 ||
        before % millisecondsOfMinute !== 0 ||
        after % millisecondsOfMinute !== 0
      ) {
        throw new Error(`${this.zone}: a change within a minute at ${String(high)} is more than this oracle can tell`);
      }
      changes.push({ at: high, before, after });
      before = after;
    }
    return changes;
  }
}
