import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const read = (path: string): string => readFileSync(join(__dirname, "../..", path), "utf8");

for (const file of ["docs/monitoring/grafana-dashboard.json", "docs/monitoring/prometheus-alerts.yml"]) {
  test(`${file} asks for nothing but metrics that exist`, () => {
    const sources = ["metrics", "queue-metrics"].map((name) => read(`src/inspector/${name}.ts`)).join("\n");
    const told = [...sources.matchAll(/"(ostinato_\w+)"/g)].map(([, name]) => name!);
    const asked = [...read(file).matchAll(/\bostinato_\w+/g)].map(([name]) => name.replace(/_bucket$/, ""));
    assert.ok(asked.length > 5);
    assert.equal(
      asked.filter((name) => !told.includes(name)),
      [],
    );
  });
}

test("the dashboard is JSON, with a title and a query in every panel", () => {
  const { panels } = JSON.parse(read("docs/monitoring/grafana-dashboard.json")) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  assert.ok(panels.every(({ title, targets }) => title !== "" && targets.every(({ expr }) => expr !== "")));
});

test.run();
