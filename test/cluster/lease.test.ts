import { test } from "uvu";
import * as assert from "uvu/assert";
import { LeaseSignal } from "../../src/cluster/lease-signal";
import { LeaseLostError } from "../../src/errors";
import { patience } from "../../src/rules/lease";
import { cluster, length } from "./support";

const never = new AbortController().signal;

test("A free lease is taken at once, and a held one is refused without waiting", async () => {
  const { node, record } = cluster();
  const a = node("a").lease();
  const b = node("b").lease();
  assert.equal(await a.acquire(), { token: 1 });
  assert.is(await b.acquire(), undefined);
  assert.is((await record())?.holder, "a");
  assert.ok(a.valid());
  assert.not.ok(b.valid());
});

test("The name of a lost lease cannot forge a line of the log", () => {
  const { message } = new LeaseSignal('a"\n\u2028b').error;
  assert.is(message, String.raw`the lease on "a\"\n\u2028b" is gone: it was not taken`);
});

test("A holder renews every third of the lease and keeps its token", async () => {
  const { clock, node, record } = cluster();
  const lease = node("a").lease();
  await lease.acquire();
  await clock.advance(10 * length);
  assert.is((await record())?.renewals, 30);
  assert.is((await record())?.acquired, 1);
  assert.is(lease.token, 1);
  assert.ok(lease.valid());
  assert.not.ok(lease.signal.aborted);
});

test("A released lease is taken by who waits for it without any time passing", async () => {
  const { clock, node } = cluster();
  const a = node("a").lease();
  const b = node("b").lease();
  await a.acquire();
  const taken = b.campaign(never);
  await clock.advance(0);
  await a.release();
  const { token } = await taken;
  assert.ok(token > 1);
  assert.ok(b.valid());
  assert.instance(a.signal.reason, LeaseLostError);
});

test("Waiting for a lease that is renewed makes no request", async () => {
  const { clock, node } = cluster();
  const a = node("a").lease();
  const waiting = node("b");
  await a.acquire();
  const abort = new AbortController();
  const campaign = waiting.lease().campaign(abort.signal);
  await clock.advance(1000);
  const before = waiting.map.calls;
  await clock.advance(20 * length);
  assert.is(waiting.map.calls, before);
  abort.abort(new Error("enough"));
  await campaign.then(
    () => assert.unreachable(),
    (error: unknown) => assert.is((error as Error).message, "enough"),
  );
});

test("A dead holder's lease is taken once it has stood unchanged for the lease and a little more, with a larger token", async () => {
  const { clock, node } = cluster();
  const dying = node("a");
  const a = dying.lease();
  await a.acquire();
  const b = node("b").lease();
  const taken = b.campaign(never).then(({ token }) => ({ token, at: clock.monotonic() }));
  await clock.advance(5_000);
  dying.map.cut(true);
  await clock.advance(2 * length);
  const { token, at } = await taken;
  assert.ok(token > 1);
  assert.is(at, 4_000 + patience(length));
});

test("A holder that cannot renew stops before two thirds of the lease have passed, and stays stopped", async () => {
  const { clock, node } = cluster();
  const holder = node("a");
  const lease = holder.lease();
  await lease.acquire();
  holder.map.cut(true);
  await clock.advance((length * 2) / 3 - length / 12 - 1);
  assert.not.ok(lease.signal.aborted);
  await clock.advance(1);
  assert.instance(lease.signal.reason, LeaseLostError);
  assert.ok(lease.valid(), "what is ending may still act for a moment");
  await clock.advance(length / 12);
  assert.not.ok(lease.valid());
  holder.map.cut(false);
  await clock.advance(length);
  assert.not.ok(lease.valid());
});

test("Of six that try at once exactly one gets the lease", async () => {
  const { node } = cluster();
  const tries = await Promise.all(["a", "b", "c", "d", "e", "f"].map((name) => node(name).lease().acquire()));
  assert.is(tries.filter((taken) => taken !== undefined).length, 1);
});

test("A restarted node with the same name waits like anybody else", async () => {
  const { node } = cluster();
  await node("a").lease().acquire();
  const again = node("a").lease();
  assert.is(await again.acquire(), undefined);
});

test("Releasing is idempotent, and leaves a record alone that is somebody else's", async () => {
  const { node, record, map } = cluster();
  const lease = node("a").lease();
  await lease.release();
  await lease.acquire();
  const entry = await map.get("job");
  await map.update("job", (entry?.value ?? "").replace('"a"', '"b"'), 1);
  await Promise.all([lease.release(), lease.release()]);
  await lease.release();
  assert.is((await record())?.holder, "b");
});

test("A release while the lease is being taken gives it up as soon as it is ours", async () => {
  const { clock, node, record } = cluster();
  const slow = node("a");
  slow.map.latency = 100;
  const lease = slow.lease();
  const acquired = lease.acquire();
  const released = lease.release();
  await clock.advance(1_000);
  assert.is(await acquired, undefined);
  await released;
  assert.is(await record(), undefined);
});

test("What a record says besides the lease is written with every renewal", async () => {
  const { clock, node, map } = cluster();
  let load = 1;
  const lease = node("a").lease({ extra: () => ({ load, holder: "nonsense" }) });
  await lease.acquire();
  load = 2;
  await clock.advance(length / 3);
  const stored = JSON.parse((await map.get("job"))?.value ?? "") as { load: number; holder: string };
  assert.is(stored.load, 2);
  assert.is(stored.holder, "a");
});

test("Nothing is left to the clock after a release", async () => {
  const { clock, node } = cluster();
  const lease = node("a").lease();
  await lease.acquire();
  await lease.release();
  assert.is(clock.pending(), 0);
});

test.run();
