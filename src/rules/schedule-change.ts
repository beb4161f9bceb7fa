import type { TaskRecord } from "./task-record";

/**
 * The record as a node counts by it that follows the schedule `identity` since `startedAt`. A schedule that is not the
 * record's is new here: nothing of it was missed before the node started. A record that names none, of an older
 * version, counts as it is.
 */
export function countedBy(record: TaskRecord, identity: string, startedAt: number): TaskRecord {
  if (record.schedule === undefined || record.schedule === identity) return record;
  return { ...record, scheduleSince: Math.max(record.scheduleSince ?? -Infinity, startedAt) };
}

/** The record once a node that has just started follows it: by its own schedule, and no rival has shown itself yet. */
export function adopted(record: TaskRecord, identity: string, startedAt: number): TaskRecord {
  if (record.schedule === identity && record.rival === undefined) return record;
  return { ...countedBy(record, identity, startedAt), schedule: identity, rival: undefined };
}

/** Another schedule by which a node runs the same task, as far as the record shows. */
export function rivalOf({ schedule, rival }: TaskRecord, identity: string): string | undefined {
  if (schedule !== undefined && schedule !== identity) return schedule;
  return rival === identity ? undefined : rival;
}
