import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStore } from "../../src/stores/file";
import { storeContract } from "../contracts/store";

storeContract("file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ostinato-store-"));
  const path = join(folder, "made", "here");
  const stores = [fileStore({ path })];
  return {
    store: stores[0]!,
    reopen: async () => {
      const other = fileStore({ path });
      stores.push(other);
      await other.open();
      return other;
    },
    cleanup: async () => {
      for (const store of stores) await store.close();
      await rm(folder, { recursive: true });
    },
  };
});
