export { createRuntime } from "./runtime";
export type { Runtime, RuntimeOptions } from "./runtime-api";
export type { Messages } from "./supervision/monitor-line";
export type { NodeInfo } from "./cluster/nodes";
export type { RuntimeLocks } from "./cluster/runtime-locks";
export type { Lock } from "./cluster/locks";
export type { SpawnSpec } from "./supervision/spec";
export type { SuperviseSpec } from "./supervision/tree";
export type {
  PastRunSummary,
  SupervisorHandle,
  SupervisorStatus,
  TaskHandle,
  TaskState,
  TaskStatus,
} from "./supervision/handles";
export type { Decision, DecisionKind } from "./supervision/decision";
export type { TreeEntry } from "./supervision/outline";
export { openTaskRecords, type RecordedTask, type TaskRecords } from "./supervision/task-records";
export type { TriggerResult } from "./supervision/trigger";
export type { LossEvent, RuntimeEvent, ServiceEvent } from "./supervision/report";
export type { DeadLetter } from "./queue/dead-letters";
export type { QueueOptions } from "./queue/options";
export type {
  Assigned,
  AssignManyOptions,
  AssignedTask,
  IntakeProblem,
  Queue,
  QueueEvent,
  QueueWorker,
} from "./queue/queue-api";
export type { StandardSchema } from "./queue/schema";
export type { QueueStats } from "./queue/stats";
export type { Assignment, QueueMisfire } from "./rules/queue-record";
export {
  discard,
  DiscardError,
  retryAfter,
  RetryAfterError,
  type Outcome,
  type RunSummary,
  type Task,
  type TaskContext,
} from "./task";

export { interval, type IntervalOptions } from "./schedules/interval";
export { daily } from "./schedules/daily";
export { weekly, type WeeklyOptions } from "./schedules/weekly";
export { monthly, type MonthlyOptions } from "./schedules/monthly";
export { cron, type CronOptions } from "./schedules/cron";
export { parseSchedule, type ParseScheduleOptions } from "./schedules/parse";
export type { TimeOfDay } from "./schedules/fields";
export type { Schedule } from "./schedule";
export type { Misfire } from "./rules/misfire";
export type { RetryOptions } from "./rules/backoff";
export type { IntensityOptions } from "./rules/intensity";
export type { AutoShutdown, RestartKind, Strategy } from "./rules/restart";

export type { ComposedTask } from "./tasks/context";
export { sequence } from "./tasks/sequence";
export { concurrence } from "./tasks/concurrence";
export { withNoOverlap } from "./tasks/with-no-overlap";
export { withRepeat, type WithRepeatOptions } from "./tasks/with-repeat";
export { withTimeout, type WithTimeoutOptions } from "./tasks/with-timeout";
export { withRetry, type WithRetryOptions } from "./tasks/with-retry";
export { withShutdown, type WithShutdownOptions } from "./tasks/with-shutdown";
export { withSignalNotify } from "./tasks/with-signal-notify";
export { onError } from "./tasks/on-error";
export { ignoreError, type ErrorMatcher } from "./tasks/ignore-error";
export { httpServerTask, type HttpServerTaskOptions } from "./tasks/http-server-task";
export { main, type MainOptions } from "./tasks/main";

export { memoryStore } from "./stores/memory";
export { fileStore, type FileStoreOptions } from "./stores/file";
export { natsStore, type NatsStoreOptions } from "./stores/nats";
export {
  examineNats,
  type BucketExamination,
  type InboxExamination,
  type NatsExamination,
  type NatsExaminationOptions,
  type OwnershipExamination,
} from "./stores/nats-examination";
export type { Change, Entry, RevisionMap, Store, StoreEvent, Watch, WatchListener, Written } from "./store";

export type { Clock, TimerId } from "./clock";
export { systemClock } from "./clocks/system";
export { rxScheduler } from "./clocks/scheduler";
export { ticks, type Tick, type TicksOptions } from "./ticks";
export type { Duration } from "./duration";
export { errorCodes, LeaseLostError, OstinatoError, ShutdownError, TimeoutError, type ErrorCode } from "./errors";
