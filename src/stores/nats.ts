import { systemClock } from "../clocks/system";
import type { Renewal, Store } from "../store";
import { checkMapName } from "./arguments";
import { NoAnswer, readError } from "./nats-errors";
import { NatsIntake } from "./nats-intake";
import { NatsLink } from "./nats-link";
import { NatsMap } from "./nats-map";
import { parseNatsOptions, type NatsStoreOptions } from "./nats-options";
import type { VersionWarning } from "./nats-versions";

export type { NatsStoreOptions } from "./nats-options";

/**
 * A store on NATS JetStream, which any number of machines share. Each map is a key-value bucket
 * `KV_<namespace>_<map>`, made on first use with the settings that compare-and-swap needs, and checked where it exists.
 * nats-server 2.9.10 or newer; more than one replica from 2.10.23. The connection comes back by itself; while it is
 * gone every call rejects with ERR_STORE_UNAVAILABLE at once, and nothing is kept to be sent later.
 * `open()` also rejects with ERR_STORE_PERMISSION and ERR_STORE_SETTINGS.
 */
export function natsStore(options: NatsStoreOptions = {}): Store {
  const settings = parseNatsOptions(options, systemClock);
  const link = new NatsLink(settings, warnOnce);
  const maps = new Map<string, NatsMap>();
  const renewals = new Set<(map: string, renewal: Renewal) => void>();
  const intakes = new Map<string, NatsIntake>();
  const map = (name: string): NatsMap => {
    checkMapName(name);
    let made = maps.get(name);
    if (!made) {
      made = new NatsMap(link, name, (renewal) => {
        for (const listener of [...renewals]) listener(name, renewal);
      });
      maps.set(name, made);
    }
    return made;
  };
  return {
    description: settings.description,
    shared: true,
    open: () => link.open(),
    map,
    async epoch(name) {
      const { bucket } = map(name);
      try {
        // Asked anew each time: a stream that was removed may have been made again since.
        bucket.forget();
        const { created } = await bucket.ready();
        return Math.floor(Date.parse(created) / 1000);
      } catch (error) {
        throw error instanceof NoAnswer ? readError(bucket.name, error) : error;
      }
    },
    onEvent: (listener) => link.onEvent(listener),
    onRenewal(listener) {
      renewals.add(listener);
      return () => renewals.delete(listener);
    },
    intake(queue) {
      let made = intakes.get(queue);
      if (!made) intakes.set(queue, (made = new NatsIntake(link, queue)));
      return made;
    },
    close: () =>
      link.close(async () => {
        await Promise.all([...maps.values(), ...intakes.values()].map((made) => made.end()));
      }),
  };
}

const warnedOf = new Set<string>();

function warnOnce({ what, advice }: VersionWarning): void {
  if (warnedOf.has(what)) return;
  warnedOf.add(what);
  process.emitWarning(`${what}; ${advice}`, { code: "OSTINATO_NATS_VERSION" });
}
