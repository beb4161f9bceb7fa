import * as assert from "uvu/assert";
import type { RevisionMap, Store, Written } from "../../src/store";

export interface StoreUnderTest {
  readonly store: Store;
  /** A second client of the same place, or the store itself opened anew; left out where nothing is shared or kept. */
  reopen?(): Promise<Store>;
  cleanup(): Promise<void>;
}

/** What each test of the contract is given. */
export interface StoreContext {
  made: StoreUnderTest;
  map: RevisionMap;
}

/** The revision of a write that was to win. */
export function written(answer: Written): number {
  assert.ok(answer.ok, "expected the write to win");
  return answer.ok ? answer.revision : 0;
}
