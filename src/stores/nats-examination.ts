import type { Clock } from "../clock";
import { isArray, readOpenOptions, refuse } from "../validate";
import { systemClock } from "../clocks/system";
import { toError, type OstinatoError } from "../errors";
import { httpAddress, type HttpAddress } from "../rules/address";
import {
  asOurs,
  examineBucket,
  examineQueue,
  examineTasks,
  queuesIn,
  requireQueueName,
  writeTo,
  type BucketExamination,
  type TaskExamination,
} from "./nats-bucket-examination";
import { safeCause } from "./nats-address";
import { examineInboxes, type InboxExamination } from "./nats-inbox-examination";
import { NatsLink } from "./nats-link";
import { NatsMap } from "./nats-map";
import { parseNatsOptions, type NatsSettings, type NatsStoreOptions } from "./nats-options";
import { examineOwnership, type OwnershipExamination } from "./nats-queue-examination";
import type { StoredMessage } from "./nats-records";
import type { VersionWarning } from "./nats-versions";

export type { BucketExamination, InboxExamination, OwnershipExamination, TaskExamination };

export interface NatsExaminationOptions extends NatsStoreOptions {
  /** Address of the server's monitoring port, such as `"http://127.0.0.1:8222"`: only there does it tell of syncing. */
  monitor?: string;
  /** The queues whose buckets and streams are looked at, too; default all that the namespace has. */
  queues?: readonly string[];
}

/** What can be seen of a NATS server, or of several, by somebody who is about to entrust leases to it. */
export interface NatsExamination {
  readonly clientVersion: string;
  readonly asked: { readonly replicas: number; readonly storage: string };
  /** Each address by itself. */
  readonly servers: readonly {
    readonly address: string;
    readonly version?: string;
    readonly cluster?: string;
    /** What is unwise about this version. */
    readonly warning?: VersionWarning;
    readonly error?: OstinatoError;
  }[];
  readonly buckets: readonly BucketExamination[];
  /** Where this user's answers come in, and whether it may read those of others. */
  readonly inboxes?: InboxExamination;
  /** Owners of the partitions of each examined queue whose leases can be read. */
  readonly queues: readonly OwnershipExamination[];
  /** Milliseconds that each of a row of conditional writes took, ascending; empty where none was permitted. */
  readonly writes: readonly number[];
  /** Where those went: a bucket of the examination's own, or that of the leases; and why not to the former. */
  readonly trial: { readonly bucket: string; readonly error?: OstinatoError };
  /** This machine's wall clock less the server's, in milliseconds, and how far that may be off. */
  readonly clock?: { readonly aheadBy: number; readonly within: number };
  /** How often the server has its disk keep what it wrote; milliseconds, 0 for always. Undefined where it does not tell. */
  readonly syncEvery?: number;
  readonly monitorError?: Error;
  /** Undefined where the buckets could not be read. */
  readonly tasks?: TaskExamination;
}

const ownBuckets = ["leases", "nodes"];
const writes = 20;

/**
 * Looks at a NATS server and at the buckets of a namespace. Writes only to a bucket of its own, which it removes, and to
 * keys of its own in the buckets that exist, which it removes, too.
 *
 * @throws OstinatoError ERR_STORE_UNAVAILABLE, ERR_STORE_PERMISSION, ERR_STORE_SETTINGS when no server takes us at all;
 *   ERR_INVALID_OPTION
 */
export async function examineNats(options: NatsExaminationOptions = {}): Promise<NatsExamination> {
  const { monitor, queues, ...rest } = readOpenOptions("examineNats", options);
  if (queues !== undefined && !isArray(queues)) refuse("queues", "a list of names", queues);
  for (const queue of queues ?? []) requireQueueName(queue);
  const settings = parseNatsOptions(rest, systemClock);
  const monitorAt = monitor === undefined ? undefined : httpAddress("monitor", monitor);
  const link = new NatsLink(settings, () => undefined);
  await link.open();
  try {
    const servers = await Promise.all([settings.connection.servers ?? []].flat().map((one) => lookAt(one, settings)));
    const buckets: BucketExamination[] = [];
    for (const name of ownBuckets) buckets.push(await examineBucket(link, name));
    const areLeasesReadable = buckets[0]?.replicas !== undefined && !buckets[0].error;
    const names = queues ?? (areLeasesReadable ? await queuesIn(link) : []);
    for (const queue of names) buckets.push(...(await examineQueue(link, queue)));
    const trial = await tryWrites(link, buckets);
    const ahead = trial.clock?.aheadBy ?? 0;
    const owned = areLeasesReadable ? names.map((queue) => examineOwnership(link, queue, ahead)) : [];
    return {
      clientVersion: clientVersion(),
      asked: { replicas: settings.replicas, storage: settings.storage },
      servers,
      buckets,
      inboxes: await examineInboxes(link),
      queues: await Promise.all(owned),
      ...trial,
      ...(monitorAt === undefined ? {} : await readSync(monitorAt, settings.clock)),
      ...(areLeasesReadable ? { tasks: await examineTasks(link, buckets[1]?.replicas !== undefined) } : {}),
    };
  } finally {
    await link.close(() => Promise.resolve());
  }
}

function clientVersion(): string {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the client is loaded by those who use it
  return (require("nats/package.json") as { version: string }).version;
}

async function lookAt(address: string, settings: NatsSettings): Promise<NatsExamination["servers"][number]> {
  let warning: VersionWarning | undefined;
  const alone = { ...settings, connection: { ...settings.connection, servers: [address], reconnect: false } };
  const link = new NatsLink(alone, (told) => (warning = told));
  try {
    await link.open();
    const { serverVersion: version, cluster } = link;
    return { address, version, ...(cluster === undefined ? {} : { cluster }), ...(warning ? { warning } : {}) };
  } catch (error) {
    return { address, error: asOurs(error) };
  } finally {
    await link.close(() => Promise.resolve());
  }
}

async function tryWrites(
  link: NatsLink,
  buckets: readonly BucketExamination[],
): Promise<Pick<NatsExamination, "writes" | "trial" | "clock">> {
  const own = new NatsMap(link, "doctor");
  try {
    const measured = await measure(link, own);
    await link.api(`STREAM.DELETE.${own.bucket.name}`).catch(() => undefined);
    return { ...measured, trial: { bucket: own.bucket.name } };
  } catch (error) {
    const leases = new NatsMap(link, "leases");
    const trial = { bucket: leases.bucket.name, error: asOurs(error) };
    const isUsable = buckets.some((one) => one.name === trial.bucket && one.replicas !== undefined && !one.error);
    if (!isUsable) return { writes: [], trial };
    return { ...(await measure(link, leases)), trial };
  } finally {
    await own.end();
  }
}

async function measure(link: NatsLink, map: NatsMap): Promise<Pick<NatsExamination, "writes" | "clock">> {
  const { clock } = link.settings;
  const { took, revision, wall } = await writeTo(map, writes, clock);
  const { message } = await link.api<{ message?: StoredMessage & { time?: string } }>(
    `STREAM.MSG.GET.${map.bucket.name}`,
    { seq: revision },
  );
  for await (const entry of map.list("doctor.")) await map.delete(entry.key, entry.revision);
  const within = (took.at(-1) ?? 0) / 2;
  const sorted = [...took].sort((one, other) => one - other);
  if (message?.time === undefined) return { writes: sorted };
  return { writes: sorted, clock: { aheadBy: wall - within - Date.parse(message.time), within } };
}

async function readSync(
  { url, headers, secrets }: HttpAddress,
  clock: Clock,
): Promise<Pick<NatsExamination, "syncEvery" | "monitorError">> {
  const controller = new AbortController();
  const timer = clock.setTimeout(() => {
    controller.abort(new Error("no answer within 3 s"));
  }, 3_000);
  try {
    const answer = await fetch(new URL("/jsz?config=true", url), { signal: controller.signal, headers });
    const { config = {} } = (await answer.json()) as { config?: { sync_interval?: number; sync_always?: boolean } };
    if (config.sync_always === true) return { syncEvery: 0 };
    return config.sync_interval === undefined ? {} : { syncEvery: config.sync_interval / 1_000_000 };
  } catch (error) {
    return { monitorError: safeCause(toError(error), secrets) };
  } finally {
    clock.clearTimeout(timer);
  }
}
