import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys as untyped } from "nats";

/** A key pair of the NATS security model. */
export interface Key {
  getPublicKey(): string;
  getSeed(): Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

// The client's own types do not find those of its keys.
export const nkeys = untyped as unknown as Record<"createOperator" | "createAccount" | "createUser", () => Key>;

/** A nats-server that trusts an operator of ours, and the credentials file of a user of its one account. */
export function operatorAndUser(): { config: string; creds: Uint8Array; seed: string } {
  const [operator, system, account, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
  ];
  const everything = { subs: -1, data: -1, payload: -1 };
  const limits = { ...everything, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const jetstream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accountClaims = { type: "account", version: 2, limits: { ...limits, ...jetstream } };
  const tokens = {
    operator: sign(operator, operator, "operator", { type: "operator", version: 2 }),
    system: sign(operator, system, "SYS", { type: "account", version: 2, limits }),
    account: sign(operator, account, "APP", accountClaims),
    user: sign(account, user, "worker", { type: "user", version: 2, ...everything }),
  };
  const seed = Buffer.from(user.getSeed()).toString();
  return {
    seed,
    config: [
      `operator: ${tokens.operator}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      `resolver_preload: { ${system.getPublicKey()}: ${tokens.system}, ${account.getPublicKey()}: ${tokens.account} }`,
    ].join("\n"),
    creds: Buffer.from(
      [
        "-----BEGIN NATS USER JWT-----",
        tokens.user,
        "------END NATS USER JWT------",
        "",
        "-----BEGIN USER NKEY SEED-----",
        seed,
        "------END USER NKEY SEED------",
        "",
      ].join("\n"),
    ),
  };
}

/** A JWT as nats-server reads it. */
function sign(issuer: Key, subject: Key, name: string, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    jti: `${name}-${String(Date.now())}`,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats,
  };
  const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url")}`;
}

/** A certificate for the loopback that nobody but itself vouches for, made by openssl in this folder. */
export function selfSigned(folder: string): { config: string; ca: string } {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
      ...["-keyout", key, "-out", certificate],
    ],
    { stdio: "pipe" },
  );
  return {
    config: `tls { cert_file: "${certificate}", key_file: "${key}" }`,
    ca: readFileSync(certificate, "utf8"),
  };
}
