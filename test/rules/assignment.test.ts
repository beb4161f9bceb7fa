import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assignPartitions } from "../../src/rules/assignment";

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 });
const counts = fc.integer({ min: 0, max: 80 });
const unowned = (count: number): undefined[] => new Array<undefined>(count).fill(undefined);

function loads(members: string[], assigned: readonly string[]): number[] {
  return members.map((name) => assigned.filter((owner) => owner === name).length);
}

function moves(before: readonly (string | undefined)[], after: readonly string[], alive: readonly string[]): number {
  return after.filter((owner, i) => before[i] !== undefined && alive.includes(before[i]) && before[i] !== owner).length;
}

/** What no even assignment can do without: whatever members own above their shares, the larger shares well given. */
function fewestMoves(members: string[], owners: readonly (string | undefined)[]): number {
  const share = Math.floor(owners.length / members.length);
  const larger = owners.length % members.length;
  return members
    .map((name) => owners.filter((owner) => owner === name).length)
    .sort((a, b) => b - a)
    .reduce((sum, load, rank) => sum + Math.max(0, load - (rank < larger ? share + 1 : share)), 0);
}

test("Without members nobody owns anything", () => {
  assert.equal(assignPartitions([], unowned(4)), []);
});

test("Every partition has an owner among the members, and shares differ by one at most", () => {
  fc.assert(
    fc.property(names, counts, fc.infiniteStream(fc.option(fc.nat(20))), (members, count, picks) => {
      const owners = unowned(count).map(() => {
        const pick = picks.next().value as number | null;
        return pick === null ? undefined : (members[pick] ?? "a member that is gone");
      });
      const assigned = assignPartitions(members, owners);
      assert.is(assigned.length, count);
      const load = loads(members, assigned);
      assert.is(
        load.reduce((a, b) => a + b, 0),
        count,
      );
      assert.ok(Math.max(...load) - Math.min(...load) <= 1);
      assert.is(moves(owners, assigned, members), fewestMoves(members, owners));
    }),
  );
});

test("An assignment that is in force stays as it is", () => {
  fc.assert(
    fc.property(names, counts, (members, count) => {
      const assigned = assignPartitions(members, unowned(count));
      assert.equal(assignPartitions(members, assigned), assigned);
    }),
  );
});

test("When a member joins, only what it gets is moved; when one leaves, only what it had", () => {
  fc.assert(
    fc.property(names, counts, (members, count) => {
      const [joining = "", ...staying] = members;
      if (staying.length === 0) return;
      const before = assignPartitions(staying, unowned(count));
      const after = assignPartitions(members, before);
      for (const [i, owner] of after.entries()) assert.ok(owner === joining || owner === before[i]);
      const again = assignPartitions(staying, after);
      for (const [i, owner] of again.entries()) assert.ok(after[i] === joining || owner === after[i]);
    }),
  );
});

test("The order of the members does not matter", () => {
  fc.assert(
    fc.property(names, counts, (members, count) => {
      const assigned = assignPartitions(members, unowned(count));
      assert.equal(assignPartitions([...members].reverse(), unowned(count)), assigned);
      assert.equal(assignPartitions([...members, ...members], unowned(count)), assigned);
    }),
  );
});

test.run();
