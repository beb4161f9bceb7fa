import { natsStore } from "../../src/stores/nats";
import { storeContract } from "../contracts/store";
import { natsVersions, startNatsServer, type NatsServer } from "../helpers/nats-server";

let count = 0;
for (const version of natsVersions) {
  let server: Promise<NatsServer> | undefined;
  const make = async () => {
    const { url } = await (server ??= startNatsServer({ version }));
    const options = { servers: url, namespace: `test${String(++count)}` };
    const stores = [natsStore(options)];
    return {
      store: stores[0]!,
      reopen: async () => {
        const other = natsStore(options);
        stores.push(other);
        await other.open();
        return other;
      },
      cleanup: async () => {
        for (const store of stores) await store.close();
      },
    };
  };
  storeContract(`nats-server ${version}`, make, async () => (await server)?.stop());
}
