import { test } from "uvu";
import * as assert from "uvu/assert";
import { OstinatoError } from "../../src/errors";
import { ignoreError, type ErrorMatcher } from "../../src/tasks/ignore-error";
import { rejection } from "./support";

class NotFound extends Error {}
class UserNotFound extends NotFound {}

const boom = new Error("boom");
const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
const wrapped = new Error("cannot poll", { cause: new Error("no answer", { cause: refused }) });
const circular = new Error("round");
circular.cause = new Error("and round", { cause: circular });

const ignored: [string, unknown, ErrorMatcher[]][] = [
  ["anything when none is listed", boom, []],
  ["a thrown non-error when none is listed", "text", []],
  ["an error of a listed class", new NotFound(), [TypeError, NotFound]],
  ["an error of a class derived from a listed one", new UserNotFound(), [NotFound]],
  ["an error with a listed code", refused, ["ECONNREFUSED"]],
  ["our own errors by their code", new OstinatoError("ERR_TIMEOUT", "late"), ["ERR_TIMEOUT"]],
  ["a listed error itself", boom, [boom]],
  ["an error caused by a listed one, at any depth", wrapped, ["ECONNREFUSED"]],
  ["an aggregate when all its members are", new AggregateError([refused, wrapped, refused]), ["ECONNREFUSED"]],
  ["an aggregate that itself is listed", new AggregateError([boom]), [AggregateError]],
];

for (const [what, error, matchers] of ignored) {
  test(`ignored: ${what}`, async () => {
    assert.is(await ignoreError(() => Promise.reject(error), ...matchers)(), undefined);
  });
}

const thrown: [string, unknown, ErrorMatcher[]][] = [
  ["what is not listed", boom, [NotFound, "ECONNREFUSED", refused]],
  ["an error whose message equals a code", new Error("ECONNREFUSED"), ["ECONNREFUSED"]],
  ["an aggregate of which a member is not", new AggregateError([refused, boom]), ["ECONNREFUSED"]],
  ["an empty aggregate", new AggregateError([]), ["ECONNREFUSED"]],
  ["an error that is its own cause", circular, ["ECONNREFUSED"]],
  ["undefined", undefined, ["ECONNREFUSED"]],
];

for (const [what, error, matchers] of thrown) {
  test(`thrown as it is: ${what}`, async () => {
    assert.is(await rejection(ignoreError(() => Promise.reject(error), ...matchers)()), error);
  });
}

test("success keeps its result", async () => {
  assert.is(await ignoreError(() => 42, NotFound)(), 42);
});

test("something that cannot match an error is refused", () => {
  for (const matcher of [42, undefined, (error: unknown) => error === boom]) {
    assert.throws(() => ignoreError(() => undefined, matcher as never), /^ignoreError: errors: /);
  }
});

test.run();
