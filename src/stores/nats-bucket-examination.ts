import { textOf } from "../foreign";
import type { Clock } from "../clock";
import { OstinatoError, toError } from "../errors";
import { randomId } from "../identity";
import { mayHaveName, toldTasks } from "../rules/known-names";
import { refuse } from "../validate";
import { badRequest, NoAnswer, readError, writeError } from "./nats-errors";
import { NatsIntakeFeed } from "./nats-intake-feed";
import { kinds } from "./nats-intake-requests";
import { NatsIntakeStream } from "./nats-intake-stream";
import type { NatsLink } from "./nats-link";
import { NatsMap } from "./nats-map";

/** What was found out about one bucket, or another stream. */
export interface BucketExamination {
  readonly name: string;
  /** Undefined where it does not exist yet. */
  readonly replicas?: number;
  readonly storage?: string;
  /** What it was refused for, or what is not permitted on it. */
  readonly error?: OstinatoError;
}

/** Does once what a runtime does with the bucket, if it is there. */
export async function examineBucket(link: NatsLink, name: string): Promise<BucketExamination> {
  const map = new NatsMap(link, name);
  const bucket = { name: map.bucket.name };
  try {
    const info = await map.bucket.info();
    if (info === undefined) return bucket;
    const { num_replicas, storage } = info.config;
    const found = { ...bucket, replicas: num_replicas ?? 1, storage: textOf(storage) };
    try {
      await writeTo(map, 1, link.settings.clock);
      for await (const entry of map.list("doctor.")) await map.delete(entry.key, entry.revision);
      return found;
    } catch (error) {
      return { ...found, error: asOurs(error) };
    }
  } catch (error) {
    return { ...bucket, error: asOurs(error) };
  } finally {
    await map.end();
  }
}

/** @throws OstinatoError ERR_INVALID_OPTION */
export function requireQueueName(queue: string): void {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(queue)) refuse("queue", "1 to 64 letters, digits, - and _", queue);
}

/** The names of the queues that somebody has made in the namespace; its bucket of leases exists. */
export async function queuesIn(link: NatsLink): Promise<string[]> {
  const leases = new NatsMap(link, "leases");
  try {
    const names: string[] = [];
    for await (const { key } of leases.list("queue."))
      names.push(...(/^queue\.([^.]+)\.config$/.exec(key)?.slice(1) ?? []));
    return names.sort();
  } finally {
    await leases.end();
  }
}

/** The tasks that have a record. */
export interface TaskExamination {
  /** How many nodes have a record; one that was killed keeps it for some minutes. */
  readonly nodes: number;
  /** Names of the tasks that none of these nodes has. */
  readonly strays: readonly string[];
}

export async function examineTasks(link: NatsLink, hasNodes: boolean): Promise<TaskExamination> {
  const [leases, nodes] = [new NatsMap(link, "leases"), new NatsMap(link, "nodes")];
  try {
    const told: unknown[] = [];
    if (hasNodes) for await (const { value } of nodes.list("node.")) told.push(toldTasks(value));
    const strays: string[] = [];
    for await (const { key } of leases.list("task.")) {
      const name = key.slice("task.".length);
      if (!told.some((tasks) => mayHaveName(tasks, name))) strays.push(name);
    }
    return { nodes: told.length, strays: strays.sort() };
  } finally {
    await Promise.all([leases.end(), nodes.end()]);
  }
}

/** What a process does with the buckets and the stream of a queue, as far as they are there. */
export async function examineQueue(link: NatsLink, queue: string): Promise<BucketExamination[]> {
  const [tasks, dead] = [`tasks-${queue}`, `dead-${queue}`];
  return [await examineBucket(link, tasks), await examineBucket(link, dead), await examineIntake(link, queue)];
}

/** Nothing of what the stream keeps is taken from it. */
async function examineIntake(link: NatsLink, queue: string): Promise<BucketExamination> {
  const stream = new NatsIntakeStream(link, queue);
  try {
    const info = await stream.examine();
    if (info === undefined) return { name: stream.name };
    const { num_replicas, storage } = info.config;
    const found = { name: stream.name, replicas: num_replicas ?? 1, storage: textOf(storage) };
    const error = await tryIntake(link, stream, info.state.last_seq);
    return error === undefined ? found : { ...found, error };
  } catch (error) {
    return { name: stream.name, error: asOurs(error instanceof NoAnswer ? readError(stream.name, error) : error) };
  }
}

/** Why it could not be read, emptied or listened to; undefined where it can. */
async function tryIntake(link: NatsLink, stream: NatsIntakeStream, last: number): Promise<OstinatoError | undefined> {
  const denied: string[] = [];
  const unlisten = link.onRefusal((subject) => denied.push(`publish to "${subject}"`));
  const heard = kinds.map((kind) => {
    const subject = stream.subjects + kind;
    return link.receive(ignore, () => denied.push(`subscribe to "${subject}"`), subject);
  });
  const feed = new NatsIntakeFeed(link, stream.name, { message: ignore, free: ignore, alive: ignore, broken: ignore });
  try {
    await feed.start(last + 1);
    feed.ask(1, 1);
    // The two contradict each other: whoever may ask is told so, and nothing is removed. What was refused before is
    // known once this is answered.
    const { error } = await link.api(`STREAM.PURGE.${stream.name}`, { seq: 2, keep: 1 });
    if (error && error.err_code !== badRequest) return writeError(stream.name, error);
  } catch (error) {
    return asOurs(error instanceof NoAnswer ? writeError(stream.name, error) : error);
  } finally {
    for (const reception of heard) reception.end();
    await feed.end();
    unlisten();
  }
  if (denied.length === 0) return undefined;
  const what = `${stream.name}: the server does not permit this user to ${denied.join(" and to ")}; grant it`;
  return new OstinatoError("ERR_STORE_PERMISSION", what);
}

const ignore = (): void => undefined;

/** Writes one key so many times, each on the revision before; tells how long each took, and the wall after the last. */
export async function writeTo(
  map: NatsMap,
  count: number,
  clock: Clock,
): Promise<{ took: number[]; revision: number; wall: number }> {
  const key = `doctor.${randomId()}`;
  const took: number[] = [];
  let revision = 0;
  await map.bucket.ready();
  for (let index = 0; index < count; index += 1) {
    const begun = clock.monotonic();
    const answer = revision === 0 ? await map.create(key, "") : await map.update(key, "", revision);
    took.push(clock.monotonic() - begun);
    if (!answer.ok) throw new OstinatoError("ERR_STORE_SETTINGS", `${map.bucket.name}: a right write was refused`);
    ({ revision } = answer);
  }
  return { took, revision, wall: clock.now() };
}

export function asOurs(error: unknown): OstinatoError {
  if (error instanceof OstinatoError) return error;
  return new OstinatoError("ERR_STORE_UNAVAILABLE", toError(error).message, { cause: error });
}
