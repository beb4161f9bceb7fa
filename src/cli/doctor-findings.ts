import type { NatsExamination, OwnershipExamination } from "../index";

/** One thing that was looked at. A problem breaks a promise; a warning weakens one; a note is to be known. */
export interface Finding {
  level: "ok" | "note" | "warning" | "problem";
  what: string;
  /** What to do about it. */
  advice?: string;
}

export interface FindingOptions {
  /** In milliseconds. */
  lease: number;
  /** The most tasks that start within one second, and how wide a spread would part them; undefined if not looked at. */
  crowd?: { tasks: readonly string[]; window: number } | undefined;
}

/** What an examination means for somebody who is to rely on this server. */
export function findingsOf(examination: NatsExamination, options: FindingOptions): Finding[] {
  return [
    ...serverFindings(examination),
    ...keepingFindings(examination),
    ...bucketFindings(examination),
    ...inboxFindings(examination),
    ...examination.queues.flatMap(ownershipFindings),
    ...trialFindings(examination),
    ...writeFindings(examination, options.lease),
    ...clockFindings(examination),
    ...strayFindings(examination),
    ...crowdFindings(options.crowd),
  ];
}

function serverFindings({ servers, clientVersion }: NatsExamination): Finding[] {
  const findings = servers.flatMap(({ address, version, cluster, warning, error }): Finding[] => {
    if (error !== undefined) {
      return [{ level: "problem", what: error.message, advice: `make ${address} reachable, or leave it out` }];
    }
    const where = cluster === undefined ? "" : `, of the cluster "${cluster}"`;
    const what = `nats-server ${version ?? "unknown"} at ${address}${where}`;
    if (warning !== undefined) return [{ level: "warning", ...warning }];
    return [{ level: "ok", what }];
  });
  const versions = new Set(servers.flatMap(({ version }) => version ?? []));
  if (versions.size > 1) {
    findings.push({
      level: "warning",
      what: `the servers have different versions: ${[...versions].join(", ")}`,
      advice: "finish the upgrade",
    });
  }
  findings.push({ level: "ok", what: `client nats ${clientVersion}` });
  return findings;
}

/** Who keeps what was written, and from when on. */
function keepingFindings({ asked, servers, syncEvery, monitorError }: NatsExamination): Finding[] {
  const findings: Finding[] = [];
  const isCluster = servers.some(({ cluster }) => cluster !== undefined);
  if (asked.storage === "memory") {
    findings.push({
      level: "warning",
      what: "storage: memory forgets every lease and every last run when the servers end",
      advice: "use storage: file",
    });
  }
  if (asked.replicas === 1) {
    findings.push({
      level: isCluster ? "warning" : "note",
      what: "replicas: 1: while that one server is down, nothing exclusive runs",
      advice: isCluster ? "use replicas: 3" : "for more, run three servers and use replicas: 3",
    });
  } else findings.push({ level: "ok", what: `replicas: ${String(asked.replicas)}` });
  const lost = "a power cut can take acknowledged writes with it";
  const advice =
    "set sync_interval: always in the server's jetstream block, or pass fencing tokens to what tasks write to";
  if (monitorError !== undefined) {
    findings.push({ level: "warning", what: `the monitoring port does not answer: ${monitorError.message}` });
  }
  if (syncEvery === 0)
    findings.push({ level: "ok", what: "the server has its disk keep every write (sync_interval: always)" });
  else if (syncEvery === undefined) {
    const hint = "the server does not say how often it syncs its disk; its own default is every two minutes";
    findings.push({
      level: "note",
      what: `${hint}, so ${lost}`,
      advice: `${advice}; --monitor http://host:8222 may tell`,
    });
  } else {
    const level = asked.replicas === 1 ? "warning" : "note";
    findings.push({ level, what: `the server syncs its disk every ${String(syncEvery / 1000)} s, so ${lost}`, advice });
  }
  return findings;
}

function bucketFindings({ buckets, asked }: NatsExamination): Finding[] {
  return buckets.map(({ name, replicas, storage, error }): Finding => {
    if (error !== undefined) return { level: "problem", what: error.message };
    if (replicas === undefined) return { level: "note", what: `${name} does not exist yet; the first start makes it` };
    const what = `${name}: replicas ${String(replicas)}, storage ${storage ?? "unknown"}, all of it permitted`;
    if (replicas > asked.replicas) {
      return {
        level: "note",
        what,
        advice: `say replicas: ${String(replicas)}, so that it is made so when it is made anew`,
      };
    }
    return { level: "ok", what };
  });
}

/** Where the server tells users apart, one user is not to read what another is sent. */
function inboxFindings({ inboxes }: NatsExamination): Finding[] {
  if (inboxes?.hasUsers !== true) return [];
  const { prefix, readsOthers } = inboxes;
  const findings: Finding[] = [];
  if (prefix === "_INBOX") {
    findings.push({
      level: "warning",
      what: 'answers to this user come to "_INBOX.>", which every user can read that may subscribe to it',
      advice:
        'give natsStore({ inboxPrefix: "_INBOX_worker" }) and grant subscribe to "_INBOX_worker.>" only; --inbox-prefix checks it',
    });
  } else findings.push({ level: "ok", what: `answers to this user come to "${prefix}.>"` });
  if (readsOthers && prefix !== "_INBOX") {
    findings.push({
      level: "warning",
      what: 'this user may subscribe to "_INBOX.>", and so read what other users are sent',
      advice: `grant subscribe to "${prefix}.>" only`,
    });
  }
  return findings;
}

function ownershipFindings(found: OwnershipExamination): Finding[] {
  const { queue, partitions, workers, unowned, silent, unserved } = found;
  const name = `queue ${JSON.stringify(queue)}`;
  if (partitions === 0) return [];
  if (workers === 0) return [{ level: "note", what: `${name}: nobody executes it` }];
  const advice = `ostinato status --queue ${queue} names the workers; the log of the owner has the reason`;
  const problem = (numbers: readonly number[], what: string): Finding[] => {
    if (numbers.length === 0) return [];
    const some = numbers.slice(0, 10).join(", ") + (numbers.length > 10 ? ", …" : "");
    return [
      {
        level: "problem",
        what: `${name}: ${String(numbers.length)} of ${String(partitions)} partitions ${what}: ${some}`,
        advice,
      },
    ];
  };
  const findings = [
    ...problem(unowned, "have no owner"),
    ...problem(
      silent.map(({ partition }) => partition),
      `have an owner that has not renewed its lease for ${ms(Math.max(...silent.map(({ forMs }) => forMs)))}`,
    ),
    ...problem(unserved, "have an owner that cannot serve them"),
  ];
  if (findings.length > 0) return findings;
  const by = workers === 1 ? "1 worker owns" : `${String(workers)} workers own`;
  return [{ level: "ok", what: `${name}: ${by} all of its ${String(partitions)} partitions` }];
}

function trialFindings({ trial, buckets }: NatsExamination): Finding[] {
  if (trial.error === undefined) return [];
  if (trial.error.code !== "ERR_STORE_PERMISSION") return [{ level: "problem", what: trial.error.message }];
  const missing = buckets.filter(({ replicas, error }) => replicas === undefined && error === undefined);
  const what = "this user may not make streams";
  if (missing.length === 0) return [{ level: "ok", what: `${what}, and all that it needs are there` }];
  const names = missing.map(({ name }) => name).join(" and ");
  return [
    {
      level: "problem",
      what: `${what}, and ${names} must be made`,
      advice: `grant ${missing.map(({ name }) => `publish to "$JS.API.STREAM.CREATE.${name}"`).join(" and ")}, or start once with a user who may`,
    },
  ];
}

function writeFindings({ writes }: NatsExamination, lease: number): Finding[] {
  if (writes.length === 0) return [{ level: "note", what: "how long a write takes could not be measured" }];
  const [median, worst] = [writes[Math.floor(writes.length / 2)] ?? 0, writes.at(-1) ?? 0];
  const what = `a conditional write takes ${ms(median)}, at worst ${ms(worst)}; the lease is ${String(lease / 1000)} s`;
  const advice = `use a lease of ${String(Math.ceil((worst * 60) / 1000))} s or more, or a server that is nearer`;
  // Between the moment to stop and the end of trust lies a twelfth of a lease, and a renewal that is late costs the run.
  if (worst > lease / 12) return [{ level: "problem", what, advice }];
  if (worst > lease / 60) return [{ level: "warning", what, advice }];
  return [{ level: "ok", what }];
}

function clockFindings({ clock }: NatsExamination): Finding[] {
  if (clock === undefined) return [{ level: "note", what: "the clocks could not be compared" }];
  const difference = Math.abs(clock.aheadBy);
  const way = clock.aheadBy > 0 ? "ahead of" : "behind";
  const what = `this clock is ${ms(difference)} ${way} the server's, give or take ${ms(clock.within)}`;
  if (difference <= clock.within + 1_000) return [{ level: "ok", what }];
  const advice = "let a time server set the clocks; exclusivity does not hang on them, but when runs are due does";
  return [{ level: "warning", what, advice }];
}

/** Tasks that were removed from the code stay in the store until somebody forgets them. */
function strayFindings({ tasks }: NatsExamination): Finding[] {
  if (tasks === undefined || tasks.strays.length === 0) return [];
  const { nodes, strays } = tasks;
  const names = strays.slice(0, 20).join(", ") + (strays.length > 20 ? ", …" : "");
  const count = `${String(strays.length)} ${strays.length === 1 ? "task" : "tasks"}`;
  if (nodes === 0)
    return [{ level: "note", what: `no node runs now that could have the ${count} of the store: ${names}` }];
  return [
    {
      level: "note",
      what: `no live node has ${count} of the store: ${names}`,
      advice: "ostinato forget NAME, if the task was removed from the code",
    },
  ];
}

function crowdFindings(crowd: FindingOptions["crowd"]): Finding[] {
  if (crowd === undefined) return [];
  if (crowd.tasks.length < 2) return [{ level: "ok", what: "no two tasks start within the same second" }];
  const names = crowd.tasks.slice(0, 5).join(", ") + (crowd.tasks.length > 5 ? ", …" : "");
  return [
    {
      level: crowd.tasks.length < 10 ? "note" : "warning",
      what: `${String(crowd.tasks.length)} tasks start within the same second: ${names}`,
      advice: `give them spread: "${String(crowd.window / 1000)}s"`,
    },
  ];
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
