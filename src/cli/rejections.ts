import type { ErrorCode } from "../index";
import { visible } from "./columns";

/** What was refused: each is told as a line for people, and counted. */
export class Rejections {
  count = 0;
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** @param place where it was in the input; empty when it was given by flags. */
  add(place: string, code: ErrorCode | undefined, message: string): void {
    this.count += 1;
    this.#say([place, code, visible(message)].filter((part) => part !== undefined && part !== "").join(": "));
  }
}
