import { OstinatoError } from "../errors";
import { show } from "../validate";
import { findZone, systemZoneName, type Zone } from "./zoned";

/**
 * The zone that an option names; left out, the machine's.
 *
 * @throws OstinatoError ERR_INVALID_TIME_ZONE with the names that are spelt most alike.
 */
export function requireZone(option: string, value: unknown): Zone {
  const name = value === undefined ? systemZoneName() : value;
  const zone = typeof name === "string" ? findZone(name) : undefined;
  if (zone !== undefined) return zone;
  const near = typeof name === "string" ? nearestZones(name) : [];
  const hint = near.length > 0 ? `; did you mean ${near.map((each) => `"${each}"`).join(" or ")}?` : "";
  throw new OstinatoError(
    "ERR_INVALID_TIME_ZONE",
    `${option}: expected an IANA time zone such as "Europe/Paris" or "UTC"; got ${show(name)}${hint}`,
  );
}

/** At most three known names that few edits turn `name` into; its last part alone ("Paris", "Los Angeles") counts too. */
function nearestZones(name: string): string[] {
  const wanted = plain(name.slice(0, 80));
  const scored = ["UTC", ...Intl.supportedValuesOf("timeZone")].map((zone) => {
    const whole = plain(zone);
    const city = whole.slice(whole.lastIndexOf("/") + 1);
    const alone = wanted.includes("/") ? wanted.slice(wanted.lastIndexOf("/") + 1) : wanted;
    // A right city in a wrong region comes after any near whole name.
    return {
      zone,
      distance: Math.min(editDistance(wanted, whole), editDistance(alone, city) + 0.5),
    };
  });
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  return scored
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ zone }) => zone);
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[\s-]+/g, "_");
}

/** Levenshtein's: how many letters to add, drop or replace. */
function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (above[column - 1] as number) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    above = current;
  }
  return above[to.length] as number;
}
