import fc from "fast-check";
import { OstinatoError } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseIntensity, recordRestart } from "../../src/rules/intensity";

test("three restarts in five seconds, unless told otherwise", () => {
  assert.equal(parseIntensity("intensity"), { restarts: 3, within: 5_000 });
  assert.equal(parseIntensity("intensity", { restarts: 0 }), { restarts: 0, within: 5_000 });
  assert.equal(parseIntensity("intensity", { within: "1m" }), { restarts: 3, within: 60_000 });
  assert.equal(parseIntensity("intensity", { restarts: Infinity, within: 1 }), { restarts: Infinity, within: 1 });
});

test("what cannot be is refused, naming the option", () => {
  const refused: [unknown, string, RegExp][] = [
    [null, "ERR_INVALID_OPTION", /intensity: expected an object of restarts, within/],
    ["3", "ERR_INVALID_OPTION", /intensity/],
    [{ restarts: -1 }, "ERR_INVALID_OPTION", /intensity\.restarts: expected a whole number, 0 or more; got -1/],
    [{ restarts: 1.5 }, "ERR_INVALID_OPTION", /intensity\.restarts/],
    [{ restarts: NaN }, "ERR_INVALID_OPTION", /intensity\.restarts/],
    [{ within: 0 }, "ERR_INVALID_DURATION", /intensity\.within/],
    [{ period: 5 }, "ERR_INVALID_OPTION", /no option "period"/],
  ];
  for (const [given, code, message] of refused) {
    assert.throws(
      () => parseIntensity("intensity", given),
      (error: unknown) => error instanceof OstinatoError && error.code === code && message.test(error.message),
      JSON.stringify(given),
    );
  }
});

test("as in OTP: as many as allowed are allowed, one more within the time is too many", () => {
  const intensity = { restarts: 3, within: 5_000 };
  const exceeded = (...at: number[]): boolean => {
    let result = { times: [] as number[], exceeded: false };
    for (const now of at) result = recordRestart(result.times, now, intensity);
    return result.exceeded;
  };
  assert.not(exceeded(0, 1, 2));
  assert.ok(exceeded(0, 1, 2, 3));
  assert.ok(exceeded(0, 1, 2, 5_000), "at the very end of the time it still counts");
  assert.not(exceeded(0, 1, 2, 5_001));
  assert.not(exceeded(0, 2_000, 4_000, 6_000, 8_000));
  assert.ok(recordRestart([], 0, { restarts: 0, within: 1 }).exceeded);
  assert.not(recordRestart([1, 2, 3], 3, { restarts: Infinity, within: 1_000 }).exceeded);
});

test("it forgets what is older, leaves the given row alone, and counts right on any row", () => {
  const row = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 30 });
  fc.assert(
    fc.property(row, fc.nat({ max: 5 }), fc.integer({ min: 1, max: 5_000 }), (gaps, restarts, within) => {
      let now = 0;
      let times: readonly number[] = [];
      const all: number[] = [];
      for (const gap of gaps) {
        now += gap;
        all.push(now);
        const before = Object.freeze([...times]);
        const result = recordRestart(before, now, { restarts, within });
        const recent = all.filter((each) => now - each <= within);
        assert.equal(result, { times: recent, exceeded: recent.length > restarts });
        times = result.times;
      }
    }),
    { numRuns: 100 },
  );
});

test.run();
