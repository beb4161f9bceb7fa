import { test } from "uvu";
import { leaseCases, playLease } from "../contracts/lease";
import { leaseKinds } from "../contracts/lease-kinds";
import { onEveryStore } from "../helpers/world";

for (const kind of leaseKinds) {
  for (const one of leaseCases.filter(({ isCore }) => isCore)) {
    onEveryStore(`X8 the lease of a ${kind.name} ${one.name}`, ({ clock, store }) =>
      playLease(clock, store.map("leases"), kind, one, 1_000),
    );
  }
}

test.run();
