import { addTick, areRows, claimedUntil, type TickRow } from "./claimed-ticks";
import { OstinatoError } from "../errors";
import { read } from "../foreign";
import { parseDuration, type Duration } from "../duration";
import type { Schedule } from "../schedule";
import { cron as cronSchedule } from "../schedules/cron";
import { readOptions, refuse, requireName, show } from "../validate";
import { requireJson } from "../payload";
import type { Past, Suspect } from "./attempts";

/** What `assign` takes. Of its timing, null counts as left out. */
export interface Assignment<P = unknown> {
  /** Any non-empty text of at most 512 bytes of UTF-8; assigning it again updates. */
  id: string;
  /** Any JSON value; left out: null. */
  payload?: P;
  /** When it is due first; default: at once, or at the first time that `cron` gives. */
  at?: Date | number | null;
  /** Repeats at `at + k × every`; at least the queue's bucket. Not together with `cron`. Left out: it runs once. */
  every?: Duration | null;
  /** Repeats by the calendar, in `timeZone`. */
  cron?: string | null;
  /** An IANA name; default the machine's zone. */
  timeZone?: string | null;
}

/** The whole truth about one assigned task. Times are milliseconds of the wall. */
export interface QueueRecord {
  v: 1;
  id: string;
  payload: unknown;
  due: number;
  every?: number;
  cron?: string;
  timeZone?: string;
  /** Attempts at the present due time. */
  attempt: number;
  retryAt?: number;
  /** What the clock showed that `due` or `retryAt` was computed from; absent where it was assigned for that time. */
  timed?: number;
  /** The times of a calendar that were run, as `rules/claimed-ticks` keeps them. */
  rows?: readonly TickRow[];
  /** Who runs it, under which tenure of the partition; absent while nobody does. */
  run?: {
    id: string;
    owner: number;
    node: string;
    /** Which execution of the queue, and since when. */
    by?: string;
    at?: number;
    /** As a suspect: how many run with nothing else in their process; 0: among others. */
    group?: number;
    /** The process has given it up because it stops. */
    left?: true;
  };
  /** Present while it may have killed a process. */
  suspect?: Suspect;
  /** The attempts before this one; absent before the first that did not succeed. */
  past?: Past;
  /** It was given up, and its dead letter could not be stored yet. */
  unlettered?: { reason: "failed" | "discarded" | "crashed"; error: string; code?: string };
  /** The last message of a producer that went into it. */
  intake?: IntakeMark;
}

/** A producer's message, as a record and the memory of what was accepted keep it. */
export interface IntakeMark {
  /** When the stream that numbers the messages was made. */
  epoch: number;
  sequence: number;
  /** A fingerprint of the whole message; absent once somebody has assigned the task by a call. */
  content?: string;
  /** When the last of its copies was published: milliseconds of the server. */
  published?: number;
  /** Copies up to this sequence waited together with it. */
  until?: number;
}

/** Whether a message is a copy of an earlier one: they waited together, or it came within `window` milliseconds. */
export function isCopy(message: IntakeMark, of: IntakeMark, window: number): boolean {
  if (message.content === undefined || message.content !== of.content) return false;
  return waitedTogether(message, of) || (message.published ?? Infinity) - (of.published ?? 0) <= window;
}

export function waitedTogether(message: IntakeMark, of: IntakeMark): boolean {
  return message.epoch === of.epoch && message.sequence <= (of.until ?? of.sequence);
}

/** What is done about times that were missed: one run for all (the first of them), none, or one for each. */
export type QueueMisfire = "once" | "skip" | "all";

const names = ["id", "payload", "at", "every", "cron", "timeZone"];

/**
 * @throws OstinatoError ERR_INVALID_ID when it is not a non-empty text of at most 512 bytes.
 */
export function requireId(id: unknown): string {
  return requireName("id", id, "ERR_INVALID_ID");
}

/**
 * The id of what is to be removed: the id itself, or an object that has it, such as the one that was assigned.
 *
 * @throws OstinatoError ERR_INVALID_ID
 */
export function requireIdOf(given: unknown): string {
  return requireId(typeof given === "object" && given !== null ? read(given, "id") : given);
}

/** An assignment whose nulls are left out. */
type Given = { [Field in keyof Assignment]: Exclude<Assignment[Field], null> };

/**
 * A new record from what was assigned; nothing is stored when this throws (`I5`).
 *
 * @throws OstinatoError ERR_INVALID_ID, ERR_INVALID_OPTION, ERR_INVALID_DURATION, ERR_INVALID_PAYLOAD,
 *   ERR_INVALID_SCHEDULE, ERR_INVALID_TIME_ZONE
 */
export function readAssignment(assigned: Assignment, now: number, bucket: number): QueueRecord {
  const { at, every, cron, timeZone, ...given } = readOptions("assign", assigned as Given, names, {
    nullable: ["payload", "at", "every", "cron", "timeZone"],
  });
  const id = requireId(given.id);
  const first = at instanceof Date ? at.getTime() : at;
  if (first !== undefined && !(Number.isInteger(first) && Math.abs(first) <= 8.64e15)) {
    refuse("at", "a valid Date, or whole milliseconds since 1970", at);
  }
  if (every !== undefined && cron !== undefined) refuse("every", "to be left out where cron is given", every);
  if (timeZone !== undefined && cron === undefined) refuse("timeZone", "to be left out without cron", timeZone);
  const period = every === undefined ? undefined : parseDuration("every", every, { min: bucket });
  if (period !== undefined && !Number.isInteger(period)) refuse("every", "whole milliseconds", every);
  const payload = requireJson(given.payload ?? null);
  const record: QueueRecord = { v: 1, id, payload, due: first ?? now, attempt: 0 };
  if (first === undefined) record.timed = now;
  if (period !== undefined) record.every = period;
  if (cron !== undefined) {
    record.cron = cron;
    if (timeZone !== undefined) record.timeZone = timeZone;
    // A time that `at` names and the calendar has is the first one.
    const next = scheduleOf(cron, timeZone).next(new Date(first === undefined ? now : first - 1));
    if (next === undefined) throw new OstinatoError("ERR_INVALID_SCHEDULE", `cron: ${show(cron)} is never due`);
    record.due = next.getTime();
  }
  return record;
}

/** The first due time after `after`; undefined for what runs once. */
export function nextDue({ due, every, cron, timeZone, rows }: QueueRecord, after: number): number | undefined {
  if (cron !== undefined) {
    const schedule = scheduleOf(cron, timeZone);
    const next = schedule.next(new Date(Math.max(due, after)))?.getTime();
    // A clock that was ahead may have run it already.
    const claimed = next === undefined ? -Infinity : claimedUntil(rows, next);
    return next === undefined || claimed < next ? next : schedule.next(new Date(claimed))?.getTime();
  }
  if (every === undefined) return undefined;
  return due + every * Math.max(1, Math.floor((after - due) / every) + 1);
}

/** The times of its calendar that were run, with this one. */
export function timesRun({ cron, timeZone, rows = [], due }: QueueRecord): Pick<QueueRecord, "rows"> {
  return cron === undefined ? {} : { rows: addTick(rows, due, scheduleOf(cron, timeZone)) };
}

const schedules = new Map<string, Schedule>();
const schedulesKept = 1_000;

/** Reading an expression costs many times what its use does, and many entities have the same. */
function scheduleOf(expression: string, timeZone: string | undefined): Schedule {
  const key = `${timeZone ?? ""} ${expression}`;
  let schedule = schedules.get(key);
  if (schedule === undefined) {
    schedule = cronSchedule(expression, timeZone === undefined ? {} : { timeZone });
    if (schedules.size >= schedulesKept) schedules.clear();
    schedules.set(key, schedule);
  }
  return schedule;
}

/** When the record wants to be looked at: a retry may be later than the time it answers. */
export function wakeAt({ due, retryAt }: QueueRecord): number {
  return retryAt ?? due;
}

/** The record of a stored value; undefined when it is not one that this version understands. */
export function readQueueRecord(value: string): QueueRecord | undefined {
  try {
    const record = JSON.parse(value) as Partial<QueueRecord> | null;
    if (record?.v !== 1 || typeof record.id !== "string") return undefined;
    // JSON can spell an infinite number (1e999). A task that waits for ever would be lost without a word.
    const { due, retryAt = due, every = 1, cron, timeZone, rows } = record;
    if (![due, retryAt, every].every((time) => Number.isFinite(time)) || every < 1) return undefined;
    // A calendar that this version or this machine cannot read throws.
    if (cron !== undefined) scheduleOf(cron, timeZone);
    if (rows !== undefined && !areRows(rows)) delete record.rows;
    return record as QueueRecord;
  } catch {
    return undefined;
  }
}
