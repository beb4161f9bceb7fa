import { context, SpanKind, SpanStatusCode, trace, type Span, type Tracer } from "@opentelemetry/api";
import type { Outcome, TaskContext } from "../task";

/** What all spans of one runtime have in common. */
interface Tracing {
  tracer: Tracer | undefined;
  readonly open: Set<Span>;
}

/** The span of one run. */
export interface RunSpan {
  /** Calls the function so that spans which it starts, also later, are children of this one. */
  within<T>(call: () => T): T;
  end(outcome: Outcome, error: Error | undefined): void;
}

/** The spans of a runtime's runs: none, at the cost of one look, until it is told of a tracer. */
export class RunSpans {
  readonly #tracing: Tracing;
  readonly #queue: string | undefined;

  constructor(tracing: Tracing = { tracer: undefined, open: new Set() }, queue?: string) {
    this.#tracing = tracing;
    this.#queue = queue;
  }

  /** The same for the runs of a queue: their spans are named after it, since its tasks are without number. */
  of(queue: string): RunSpans {
    return new RunSpans(this.#tracing, queue);
  }

  open(tracer: Tracer): void {
    this.#tracing.tracer = tracer;
  }

  /** Ends what is still open: runs that were given up. */
  close(): void {
    this.#tracing.tracer = undefined;
    for (const span of this.#tracing.open) span.end();
    this.#tracing.open.clear();
  }

  begin(run: TaskContext, runId: string): RunSpan | undefined {
    const { tracer, open } = this.#tracing;
    if (tracer === undefined) return undefined;
    const queue = this.#queue;
    const attributes = {
      ...(queue === undefined ? {} : { "ostinato.queue": queue }),
      "ostinato.task": run.name,
      "ostinato.run_id": runId,
      "ostinato.attempt": run.attempt,
      "ostinato.scheduled_at": run.scheduledAt.toISOString(),
      "ostinato.late_by_ms": run.lateBy,
      "ostinato.fencing_token": run.fencingToken,
    };
    // A root: whichever code happened to set a timer or to assign the task is not the run's parent.
    const span = tracer.startSpan(`run ${queue ?? run.name}`, { kind: SpanKind.INTERNAL, attributes, root: true });
    open.add(span);
    const around = trace.setSpan(context.active(), span);
    return {
      within: (call) => context.with(around, call),
      end(outcome, error) {
        if (!open.delete(span)) return;
        span.setAttribute("ostinato.outcome", outcome);
        if (error !== undefined) {
          span.recordException(error);
          span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
        }
        span.end();
      },
    };
  }
}
