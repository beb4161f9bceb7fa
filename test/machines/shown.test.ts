import * as machines from "ostinato/machines";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StateMachine } from "xstate";
import { assertNamed } from "../helpers/statechart";

const charts = Object.values(machines).filter((each) => each instanceof StateMachine);

test("There are charts to show", () => {
  assert.ok(charts.length >= 4);
});

for (const chart of charts) {
  test(`The chart of "${chart.id}" can be shown by an editor or an inspector: everything in it has a name`, () => {
    assertNamed(chart);
  });
}

test.run();
