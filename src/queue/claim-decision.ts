import { backoffDelay } from "../rules/backoff";
import { following, isSkipped, type Completion, type GivenUp } from "../rules/completion";
import { isTimedAhead, retimed } from "../rules/retiming";
import { wakeAt, type QueueRecord } from "../rules/queue-record";
import { crashesToBackOff, judge } from "../rules/suspects";
import type { Entry } from "../store";
import type { Job, RunServices, Standing } from "./job";

/** What is done about a task that was found due. */
export type ClaimDecision =
  | { readonly is: "claim"; readonly record: QueueRecord }
  | { readonly is: "passed"; readonly standing: Standing }
  /** It goes on without being run. */
  | {
      readonly is: "written";
      readonly record: QueueRecord;
      readonly completion: Completion;
      readonly error?: Error | undefined;
      /** Its time came from a clock that was ahead. */
      readonly retimed?: true;
    };

export function decideClaim(record: QueueRecord, entry: Entry, job: Job, services: RunServices): ClaimDecision {
  const { settings, host, signs } = services;
  const now = host.clock.now();
  const waits: ClaimDecision = { is: "passed", standing: { is: "waiting", record, ...entry } };
  if (isTimedAhead(record, now)) {
    return { is: "written", record, completion: { record: retimed(record, now) }, retimed: true };
  }
  if (wakeAt(record) > now) return waits;
  if (record.unlettered !== undefined) {
    const { reason, error, code } = record.unlettered;
    const thrown = Object.assign(new Error(error), code === undefined ? {} : { code });
    return { is: "written", record, error: thrown, completion: givenUp(record, reason, now, services) };
  }
  const evidence = { self: signs.self, now, limit: settings.retry.limit };
  const verdict = judge(record, { ...evidence, isAlive: (by) => signs.isAlive(job.partition.shard, by) });
  if (verdict.is === "unclear") return { is: "passed", standing: { is: "unknown", pause: true } };
  const judged = verdict.record;
  if (verdict.is === "culprit") {
    const { joint = 0, alone = 0 } = judged.past ?? {};
    const times = `${String(joint + alone)} times, ${String(alone)} of them while nothing else ran`;
    const error = new Error(`the process that ran it died: ${times}`);
    return { is: "written", record: judged, error, completion: givenUp(judged, "crashed", now, services) };
  }
  if (verdict.is === "suspect") {
    if (verdict.crashedAlone) {
      const delay = backoffDelay(settings.retry, crashesToBackOff(judged), host.random());
      const next: QueueRecord = { ...judged, retryAt: Math.ceil(now + delay), timed: now };
      return { is: "written", record: judged, completion: { record: next } };
    }
    // It came by a way on which nobody looked whether it is a suspect.
    if (job.group === undefined) return waits;
  }
  if (isSkipped(judged, now, settings.misfire)) {
    return { is: "written", record: judged, completion: { record: following(judged, now, "once") } };
  }
  return { is: "claim", record: judged };
}

/** The task goes to the dead letters; if it repeats, it goes on at its next time. */
export function givenUp(record: QueueRecord, reason: GivenUp, now: number, services: RunServices): Completion {
  const runs = record.past?.runs ?? [];
  return { record: following(record, now, services.settings.misfire), givenUp: reason, runs };
}
