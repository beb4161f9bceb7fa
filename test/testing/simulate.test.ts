import { cron, daily, interval, type OstinatoError, type Runtime } from "ostinato";
import { simulate } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";

const from = "2026-03-28T00:00Z";
const to = "2026-04-04T00:00Z";
const paris = { timeZone: "Europe/Paris" };
const fail = (): never => {
  throw new Error("a simulated task was really run");
};

const definition = async (runtime: Runtime): Promise<void> => {
  runtime.spawn({ name: "report", schedule: daily({ hour: 2, minute: 30, ...paris }), run: fail });
  runtime.spawn({ name: "backup", schedule: interval("6h"), run: fail });
  runtime.spawn({ name: "listener", run: fail });
  runtime.supervise({
    name: "group",
    children: [{ name: "digest", schedule: cron("0 0 */6 * * *", { timeZone: "UTC" }), run: fail }],
  });
  await runtime.start();
};

test("a week of a tasks file is simulated in a moment, and nothing of it is really run", async () => {
  const simulation = await simulate(definition, { from, to, zone: "Europe/Paris" });
  const counts = simulation.perTask.map(({ name, runs }) => [name, runs]);
  assert.equal(counts, [
    ["report", 7],
    ["backup", 28],
    ["digest", 27],
  ]);
  const reports = simulation.runs
    .filter(({ name }) => name === "report")
    .map(({ startedAt }) => startedAt.toISOString());
  assert.equal(reports.slice(0, 3), [
    "2026-03-28T01:30:00.000Z",
    "2026-03-29T01:00:00.000Z",
    "2026-03-30T00:30:00.000Z",
  ]);
  assert.is(simulation.truncatedAt, undefined);
});

test("collisions name the tasks that start in one second, and how wide a spread would part them", async () => {
  const simulation = await simulate(definition, { from, to, zone: "UTC" });
  assert.is(simulation.collisions.length, 27);
  assert.equal([...(simulation.collisions[0]?.tasks ?? [])].sort(), ["backup", "digest"]);
  assert.is(simulation.evening?.window, 5_000);
  assert.equal(simulation.busiestHours[0], { hour: 0, runs: 18 });
});

test("what spread and jitter delay starts later than it was due", async () => {
  const specs = Array.from({ length: 10 }, (_, index) => ({
    name: `task ${String(index)}`,
    schedule: cron("0 * * * *", { timeZone: "UTC" }),
    run: fail,
  }));
  const together = await simulate(specs, { from, to: "2026-03-28T06:30Z" });
  assert.is(together.collisions.length, 6);
  assert.is(together.evening?.window, 120_000);
  const spread = await simulate(
    specs.map((spec) => ({ ...spec, spread: "2m" as const })),
    { from, to: "2026-03-28T06:30Z" },
  );
  assert.is(spread.runs.length, 60);
  assert.ok(spread.runs.some(({ scheduledAt, startedAt }) => startedAt > scheduledAt));
  assert.ok(spread.collisions.every(({ tasks }) => tasks.length < 10));
});

test("the table, the chart, the picture and the JSON tell the same", async () => {
  const simulation = await simulate(definition, { from, to, zone: "Europe/Paris" });
  const table = simulation.toTable({ rows: 5 });
  assert.match(table, /^START +TASK +LATE BY\n2026-03-28 01:00:00 GMT\+01:00 +backup +0s\n/);
  assert.match(table, /… and 57 more/);
  assert.match(table, /report +7 +2026-03-28 02:30:00 GMT\+01:00/);
  assert.match(table, /A spread or jitter of 5s on (backup, digest|digest, backup)/);
  assert.match(simulation.toChart(), /02:00 +█+ \d+\n/);
  assert.is(simulation.toChart().split("\n").length, 26);
  const svg = simulation.toSvg();
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg".*<\/svg>\n$/);
  assert.is(svg.match(/<rect /g)?.length, 24);
  const json = JSON.parse(JSON.stringify(simulation)) as { runs: unknown[]; hours: { runs: number }[] };
  assert.is(json.runs.length, 62);
  assert.is(
    json.hours.reduce((sum, { runs }) => sum + runs, 0),
    62,
  );
});

test("a simulation of too many starts ends early and says so", async () => {
  const every = { name: "often", schedule: interval("1s"), run: fail };
  const simulation = await simulate([every], { from, to, limit: 500 });
  assert.is(simulation.runs.length, 500);
  assert.ok(simulation.truncatedAt !== undefined);
  assert.match(simulation.toTable(), /Too many starts/);
});

test("tasks that never run are listed", async () => {
  const simulation = await simulate([{ name: "leap", schedule: cron("0 0 29 2 *", { timeZone: "UTC" }), run: fail }], {
    from,
    to,
  });
  assert.equal(simulation.perTask, [{ name: "leap", runs: 0 }]);
  assert.match(simulation.toTable(), /leap +0 +never/);
  assert.match(simulation.toTable(), /No two tasks start in the same second/);
});

const refusals: [options: { from: string; to: string; zone?: string }, code: string][] = [
  [{ from: to, to: from }, "ERR_INVALID_OPTION"],
  [{ from: "soon", to }, "ERR_INVALID_OPTION"],
  [{ from, to, zone: "Mars/Olympus" }, "ERR_INVALID_TIME_ZONE"],
];
for (const [options, code] of refusals) {
  test(`${JSON.stringify(options)} is refused with ${code}`, async () => {
    const error: unknown = await simulate([], options).catch((thrown: unknown) => thrown);
    assert.is((error as OstinatoError).code, code);
  });
}

test.run();
