import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { test } from "node:test";
import tls from "node:tls";
import { build } from "esbuild";
import { originOf } from "../../src/upstream/origin.ts";
import { answer } from "../support/answers.ts";
import { type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";
import {
  type CertificateOptions,
  createAuthority,
  createCertificate,
  createSelfSigned,
} from "../support/tls.ts";
import { testClient } from "../support/upstream-call.ts";

const authority = createAuthority();
const DAY = 86_400_000;

async function outcomeOf(
  certificate: { cert: string; key: string },
  ca: readonly string[],
  host = "127.0.0.1",
) {
  const upstream = await startUpstream(answer({ body: "ok" }), { tls: certificate });
  const client = testClient();
  try {
    return await client.ask(originOf(`https://${host}:${upstream.port}`, { ca }));
  } finally {
    client.close();
    await upstream.close();
  }
}

test("a server certified by an extra CA is trusted, by address and by name", async () => {
  for (const host of ["127.0.0.1", "localhost"]) {
    const outcome = await outcomeOf(createCertificate(authority), [authority.cert], host);
    assert.equal(outcome.failure, null, outcome.failure?.message);
    assert.equal(outcome.body.toString(), "ok");
  }
});

const BAD: readonly {
  name: string;
  options: CertificateOptions;
  ca: readonly string[];
  reason: string;
  says: RegExp;
}[] = [
  {
    name: "expired",
    options: { notBefore: Date.now() - 2 * DAY, notAfter: Date.now() - DAY },
    ca: [authority.cert],
    reason: "expired",
    says: /has expired \(the local clock says 20\d\d-\d\d-\d\dT/,
  },
  {
    name: "not valid yet",
    options: { notBefore: Date.now() + DAY },
    ca: [authority.cert],
    reason: "not_yet_valid",
    says: /not valid yet \(the local clock says 20\d\d-\d\d-\d\dT/,
  },
  {
    name: "of another host",
    options: { hosts: ["example.org"] },
    ca: [authority.cert],
    reason: "wrong_host",
    says: /another host.*127\.0\.0\.1/,
  },
  {
    name: "of an unknown CA",
    options: {},
    ca: [],
    reason: "unknown_ca",
    says: /authority that is not trusted/,
  },
  {
    name: "of another CA than the extra one",
    options: {},
    ca: [createAuthority("other").cert],
    reason: "unknown_ca",
    says: /not trusted/,
  },
];

for (const { name, options, ca, reason, says } of BAD) {
  test(`a certificate ${name} is refused, and the error says so with the host`, async () => {
    const { failure } = await outcomeOf(createCertificate(authority, options), ca);
    assert.equal(failure?.cause, "tls");
    assert.equal(failure?.tlsReason, reason);
    assert.match(failure?.message ?? "", says);
    assert.match(failure?.message ?? "", /127\.0\.0\.1:\d+/);
  });
}

test("a self-signed certificate is refused, and trusted when it is the extra CA", async () => {
  const certificate = createSelfSigned();
  const refused = await outcomeOf(certificate, []);
  assert.equal(refused.failure?.tlsReason, "self_signed");
  assert.equal((await outcomeOf(certificate, [certificate.cert])).failure, null);
});

test("NODE_TLS_REJECT_UNAUTHORIZED does not switch verification off", async () => {
  const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  try {
    assert.equal((await outcomeOf(createCertificate(authority), [])).failure?.tlsReason, "unknown_ca");
  } finally {
    if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
  }
});

test("NODE_EXTRA_CA_CERTS is trusted too, beside a provider's own CA", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-ca-"));
  const upstream = await startUpstream(answer({ body: "ok" }), { tls: createCertificate(authority) });
  try {
    writeFileSync(join(folder, "ca.pem"), authority.cert);
    writeFileSync(join(folder, "other.pem"), createAuthority("other").cert);
    const bundle = join(folder, "ask.mjs");
    await build({
      stdin: {
        contents: `
          import { readFileSync } from "node:fs";
          import { createSystemTime } from "./src/base/system-time.ts";
          import { createUpstreamClient } from "./src/upstream/http1-client.ts";
          import { originOf } from "./src/upstream/origin.ts";
          const client = createUpstreamClient({ time: createSystemTime() });
          const origin = originOf(process.argv[2], { ca: [readFileSync(process.argv[3], "utf8")] });
          const deadlines = { connect: 3000, firstByte: 3000, idle: 3000, total: 0 };
          const end = (text) => { console.log(text); client.close(); };
          client.send({ origin, method: "GET", path: "/", constantHeaders: "", headers: "", body: null, deadlines },
            { onHead: (head) => console.log(head.status), onData() {}, onEnd: () => end("end"), onFail: (f) => end(f.message) });`,
        resolveDir: ".",
        loader: "ts",
      },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: bundle,
    });
    const run = await spawnAside(bundle, [upstream.url, join(folder, "other.pem")], join(folder, "ca.pem"));
    assert.equal(run, "200\nend\n");
  } finally {
    await upstream.close();
    rmSync(folder, { recursive: true });
  }
});

test("a server that speaks plain HTTP on a TLS port, or hangs up, is told as a failed handshake", async () => {
  const client = testClient();
  const plain = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  const deaf = net.createServer((socket) => socket.destroy());
  try {
    for (const server of [plain, deaf]) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const { failure } = await client.ask(originOf(`https://127.0.0.1:${port}`));
      assert.equal(failure?.cause, "tls");
      assert.equal(failure?.tlsReason, "handshake");
    }
  } finally {
    client.close();
    plain.close();
    deaf.close();
  }
});

test("a handshake that never ends is cut off by the connect deadline, which says where it stood", async () => {
  const client = testClient();
  const silent = net.createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = silent.address() as AddressInfo;
    const { failure } = await client.ask(originOf(`https://127.0.0.1:${port}`), {
      deadlines: { connect: 200 },
    });
    assert.equal(failure?.cause, "connect_timeout");
    assert.match(failure?.message ?? "", /TLS handshake/);
    assert.equal(client.client.stats().open, 0);
  } finally {
    client.close();
    silent.close();
  }
});

test("TLS below 1.2 is not spoken, ALPN names http/1.1, and the server sees the name", async () => {
  const seen: (string | false | null)[] = [];
  const client = testClient();
  const certificate = createCertificate(authority);
  const server = tls.createServer({ ...certificate, ALPNProtocols: ["h2", "http/1.1"] }, (socket) => {
    seen.push(socket.alpnProtocol, (socket as { servername?: string }).servername ?? "");
    socket.end("HTTP/1.1 204 No Content\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const old = await oldServer(certificate);
  try {
    const { port } = server.address() as AddressInfo;
    await client.ask(originOf(`https://localhost:${port}`, { ca: [authority.cert] }));
    assert.deepEqual(seen, ["http/1.1", "localhost"]);
    const { failure } = await client.ask(originOf(old.url, { ca: [authority.cert] }));
    assert.equal(failure?.tlsReason, "handshake");
  } finally {
    client.close();
    server.close();
    await old.close();
  }
});

test("a CA that cannot be read fails the request, not the process", async () => {
  const bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const { failure } = await outcomeOf(createCertificate(authority), [bad]);
  assert.equal(failure?.cause, "tls");
  assert.match(failure?.message ?? "", /extra CA.*cannot be read/);
});

async function oldServer(certificate: { cert: string; key: string }): Promise<ScriptedUpstream> {
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  return startUpstream(answer({ body: "old" }), { tls: { ...certificate, ...old } });
}

test("a connection is kept although the answer is there before Node tells that the request is out", async () => {
  const certificate = createCertificate(authority);
  const child = spawn(process.execPath, ["-e", ANSWERING], {
    env: { ...process.env, CERT: certificate.cert, KEY: certificate.key },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const client = testClient();
  try {
    const [line] = (await once(child.stdout as Readable, "data")) as [Buffer];
    const origin = originOf(`https://127.0.0.1:${Number(line)}`, { ca: [authority.cert] });
    assert.equal((await client.ask(origin)).failure, null);
    for (let i = 0; i < 3; i++) {
      const asked = client.ask(origin, { body: "x" });
      // Behind the turn's writes: the answer comes while nothing else can run.
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150));
      const outcome = await asked;
      assert.equal(outcome.failure, null);
      assert.equal(outcome.reused, true);
    }
  } finally {
    client.close();
    child.kill();
  }
});

/** A server in a process of its own, which answers while this one stands still. */
const ANSWERING = `
const server = require("node:https").createServer({ cert: process.env.CERT, key: process.env.KEY }, (request, response) => {
  request.resume();
  request.on("end", () => response.end("ok"));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("disconnect", () => process.exit(0));
`;

async function spawnAside(script: string, args: readonly string[], extraCa: string): Promise<string> {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: extraCa };
  const child = spawn(process.execPath, [script, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const piece of child.stdout) text += piece;
  return text;
}
