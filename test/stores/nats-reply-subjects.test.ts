import fc from "fast-check";
import { natsStore } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseReplyPrefixes, replyRefusal } from "../../src/stores/nats-reply-subjects";

const refusal = (reply: string, prefixes?: unknown, own?: string): string | undefined =>
  replyRefusal(reply, { replyPrefixes: parseReplyPrefixes(prefixes, "ostinato"), own });

test("X5 whatever the reply subject, it begins with a prefix of inboxes and has plain tokens only, or nothing is sent", () => {
  const token = fc.oneof(
    fc.constantFrom(
      "_INBOX",
      "_inbox",
      "$JS",
      "$KV",
      "$SYS",
      "ostinato",
      "*",
      ">",
      "",
      " ",
      "\r\n",
      "\u0000",
      "ostinato-x",
    ),
    fc.string({ maxLength: 4 }),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  const subject = fc.oneof(
    fc.array(token, { maxLength: 6 }).map((tokens) => tokens.join(".")),
    fc.array(token, { maxLength: 6 }).map((tokens) => ["_INBOX", ...tokens].join(".")),
  );
  let allowed = 0;
  fc.assert(
    fc.property(subject, (reply) => {
      if (refusal(reply) !== undefined) return;
      allowed += 1;
      const tokens = reply.split(".");
      assert.is(tokens[0], "_INBOX");
      assert.ok(tokens.length > 1);
      assert.ok(tokens.every((each) => each !== "" && !/[\s*>\p{C}]/u.test(each) && !each.startsWith("ostinato-")));
    }),
    { numRuns: 20_000 },
  );
  assert.ok(allowed > 100);
});

test("prefixes count by whole tokens, and the own inboxes of the processes of a queue are none", () => {
  assert.is(refusal("_INBOX.abc"), undefined);
  assert.is(refusal("_INBOX_shop.abc", ["_INBOX_shop"]), undefined);
  assert.match(refusal("_INBOX_shops.abc", ["_INBOX_shop"]) ?? "", /outside "_INBOX_shop\.>" of replyPrefixes/);
  assert.match(refusal("_INBOX.worker.abc", undefined, "_INBOX.worker") ?? "", /an inbox of the processes/);
  assert.match(refusal("_INBOX.a", []) ?? "", /the empty list/);
});

test("prefixes that would let an answer be a command are refused", () => {
  for (const prefixes of [
    ["$JS."],
    ["ostinato."],
    ["ostinato.polls"],
    [""],
    ["."],
    ["*"],
    [">"],
    ["a b"],
    [1],
    "x",
    ["_INBOX\u0000"],
  ]) {
    try {
      natsStore({ replyPrefixes: prefixes as string[] });
      assert.unreachable(JSON.stringify(prefixes));
    } catch (error) {
      assert.is((error as { code?: string }).code, "ERR_INVALID_OPTION", JSON.stringify(prefixes));
    }
  }
});

test.run();
