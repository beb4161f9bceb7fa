import { systemClock } from "../index";

const drawEvery = 100;
const cells = 24;

/** What a bar is drawn on. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How far a command is, on one line that is drawn anew; nothing at all where there is no terminal. */
export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #begun = systemClock.monotonic();
  #drawnAt = -Infinity;
  #isDrawn = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** @param share how much of the whole it is, from 0 to 1; undefined when nobody knows. */
  show(done: number, share: number | undefined): void {
    const now = systemClock.monotonic();
    if (this.#terminal.isTTY !== true || now - this.#drawnAt < drawEvery) return;
    this.#drawnAt = now;
    const rate = Math.round((done * 1_000) / Math.max(1, now - this.#begun));
    const count = `${done.toLocaleString("en-US")} tasks, ${rate.toLocaleString("en-US")}/s`;
    const text = share === undefined ? count : `${bar(Math.min(1, share))} ${count}`;
    // A terminal that does not know its width says 0.
    const { columns = 0 } = this.#terminal;
    this.#terminal.write(`\r${text.slice(0, (columns > 0 ? columns : 80) - 1)}\u001b[K`);
    this.#isDrawn = true;
  }

  /** Makes room for a line of text, and at the end. */
  clear(): void {
    if (this.#isDrawn) this.#terminal.write("\r\u001b[K");
    this.#isDrawn = false;
  }
}

function bar(share: number): string {
  const full = Math.floor(share * cells);
  return `[${"#".repeat(full)}${"-".repeat(cells - full)}] ${String(Math.floor(share * 100)).padStart(3)}%`;
}
