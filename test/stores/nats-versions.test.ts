import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkServerVersion, supportsMessageTtl } from "../../src/stores/nats-versions";

function refusal(version: string, replicas = 1): string | undefined {
  try {
    checkServerVersion(version, replicas);
    return undefined;
  } catch (error) {
    assert.is((error as { code?: string }).code, "ERR_STORE_SETTINGS");
    return (error as Error).message;
  }
}

test("servers that break conditional writes are refused, with what to do", () => {
  for (const version of ["2.8.4", "2.9.9", "1.4.1", "unknown"]) {
    assert.match(refusal(version) ?? "", /older than 2\.9\.10; upgrade to 2\.10\.23 or newer/, version);
  }
  assert.match(refusal("2.10.19") ?? "", /breaks conditional writes.*upgrade/);
  assert.match(refusal("v2.10.19-RC.1") ?? "", /breaks conditional writes/);
});

test("all others are taken with one replica, and from 2.10.23 on with several", () => {
  for (const version of ["2.9.10", "2.9.25", "2.10.0", "2.10.18", "2.10.20", "2.10.22"]) {
    assert.is(refusal(version), undefined, version);
    for (const replicas of [2, 3, 5])
      assert.match(refusal(version, replicas) ?? "", /needs 2\.10\.23 or newer/, version);
  }
  for (const version of ["2.10.23", "2.10.27", "2.11.0", "2.15.1", "3.0.0", "2.12.0-preview.1"]) {
    for (const replicas of [1, 3]) assert.is(refusal(version, replicas), undefined, version);
  }
});

test("those that can lose a stream are warned of", () => {
  for (const version of ["2.10.20", "2.10.21", "2.10.22"]) {
    const { what, advice } = checkServerVersion(version, 1) ?? {};
    assert.match(what ?? "", /can lose a stream/);
    assert.match(advice ?? "", /2\.10\.23 or newer/);
  }
  for (const version of ["2.9.10", "2.10.18", "2.10.23", "2.15.1"])
    assert.is(checkServerVersion(version, 1), undefined);
});

test("those that can start without being heard by their peers are warned of where there are peers", () => {
  for (const version of ["2.10.23", "2.10.29"]) {
    const { what, advice } = checkServerVersion(version, 3) ?? {};
    assert.match(what ?? "", /peers hear nothing/);
    assert.match(advice ?? "", /2\.11\.0 or newer/);
    assert.is(checkServerVersion(version, 1), undefined);
  }
  for (const version of ["2.11.0", "2.15.1"]) assert.is(checkServerVersion(version, 3), undefined);
});

test("messages can end by themselves from 2.11 on", () => {
  assert.equal(
    ["2.9.10", "2.10.27", "2.11.0", "2.15.1"].map((version) => supportsMessageTtl(version)),
    [false, false, true, true],
  );
});

test.run();
