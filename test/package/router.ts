/** Each .ipk in a root that holds only busybox and musl: starts through the wrapper, answers, resolves, speaks TLS. `ARCH=…` as opkg names it. */
import { doesNotMatch, equal, match } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { debianFiles } from "../../build/debian.mjs";
import { ask, askStream, type Daemon, freePort, startDaemon } from "./support/daemon.ts";
import { inRoot } from "./support/sandbox.ts";

const architecture = process.env["ARCH"] ?? "x86_64";
const arch = architecture === "x86_64" ? "x64" : "arm64";
const emulated = arch !== process.arch;
const USER = 853;
const PRELOADED = "libsetlbf.so";
const UPSTREAM_NAME = "upstream.sluice.test";
/** A loopback address of its own for the name server: port 53 of 127.0.0.1 may be taken. */
const NAME_SERVER = "127.0.53.1";

const root = mkdtempSync("/opt/sluice-root-");
chmodSync(root, 0o755);
const inside = (path: string) => join(root, path);

/** The root of a router: busybox, musl, the package, nothing else. */
async function makeRoot(): Promise<void> {
  // What runs the wrapper must run here; the C library is the target's, to be seen in the maps if it were used.
  const busybox = await debianFiles(emulated ? process.arch : arch, ["busybox-static"]);
  const musl = await debianFiles(arch, ["musl"]);
  for (const folder of ["bin", "lib", "proc", "dev", "tmp", "etc", "usr/lib", "usr/bin"])
    mkdirSync(inside(folder), { recursive: true });
  symlinkSync("tmp", inside("var"));
  copyFileSync(join(busybox, "bin/busybox"), inside("bin/busybox"));
  for (const tool of ["sh", "cat"]) symlinkSync("busybox", inside(`bin/${tool}`));
  const loader = readdirSync(join(musl, "lib")).find((name) => name.startsWith("ld-musl-")) ?? "";
  // As on a router: the C library, its loader, and the library that procd preloads.
  for (const name of ["libc.so", loader, PRELOADED])
    copyFileSync(join(musl, "lib", loader), inside(join("lib", name)));
  writeFileSync(inside("etc/resolv.conf"), `nameserver ${NAME_SERVER}\n`);
  writeFileSync(inside("etc/passwd"), `root:x:0:0::/:/bin/sh\nsluice:x:${USER}:${USER}::/var:/bin/false\n`);

  const folder = join("dist/openwrt/ipk", architecture);
  const ipk = readdirSync(folder).find((name) => name.startsWith("sluice_")) ?? "";
  execFileSync("tar", ["-xzf", join(folder, ipk), "-C", inside("tmp"), "./data.tar.gz"]);
  execFileSync("tar", ["-xzf", inside("tmp/data.tar.gz"), "-C", root]);
  rmSync(inside("tmp/data.tar.gz"));
  if (!emulated) return;
  // The kernel cannot run the program: a script in its place hands it to qemu.
  copyFileSync("/usr/bin/qemu-aarch64-static", inside("bin/qemu-aarch64-static"));
  renameSync(inside("usr/lib/sluice/sluice"), inside("usr/lib/sluice/sluice.arm64"));
  const script = '#!/bin/sh\nexec /bin/qemu-aarch64-static /usr/lib/sluice/sluice.arm64 "$@"\n';
  writeFileSync(inside("usr/lib/sluice/sluice"), script, { mode: 0o755 });
}

/** The words that the init script puts before `serve`. */
const SETTINGS = [
  "RUNTIME_DIRECTORY=/var/run/sluice",
  "SLUICE_LOG=info",
  "NODE_OPTIONS=--max-old-space-size=64 --max-semi-space-size=1",
  "MALLOC_ARENA_MAX=1",
  "MALLOC_MMAP_THRESHOLD_=8192",
  "MALLOC_TRIM_THRESHOLD_=65536",
  "MALLOC_TOP_PAD_=16384",
  "TZ=Europe/Berlin",
];

async function serve(args: readonly string[]): Promise<Daemon> {
  const port = await freePort();
  const own = ["--host", "127.0.0.1", "--port", String(port)];
  const command = inRoot(root, USER, ["/usr/bin/sluice", ...SETTINGS, "serve", ...args, ...own]);
  // As procd does it: a library of musl, which must not get into the process.
  return startDaemon(command, { port, env: { LD_PRELOAD: `/lib/${PRELOADED}` } });
}

/** Answers every A question with 127.0.0.1 and counts them. */
async function startNameServer() {
  const socket = createSocket("udp4");
  const names: string[] = [];
  socket.on("message", (query, peer) => {
    let at = 12;
    const labels: string[] = [];
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString("latin1", at + 1, at + 1 + length));
      at += length + 1;
    }
    names.push(labels.join("."));
    const question = query.subarray(12, at + 5);
    const isA = query.readUInt16BE(at + 1) === 1;
    const head = Buffer.from([0, 0, 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
    query.copy(head, 0, 0, 2);
    const answer = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    socket.send(Buffer.concat(isA ? [head, question, answer] : [head, question]), peer.port, peer.address);
  });
  socket.bind(53, NAME_SERVER);
  await once(socket, "listening");
  return { names, close: () => socket.close() };
}

/** A provider behind TLS, with a certificate of an authority of its own. */
async function startUpstream() {
  const folder = mkdtempSync("/tmp/sluice-tls-");
  const openssl = (args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl([
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
  ]);
  openssl(["req", ...key, "-keyout", "tls.key", "-out", "tls.csr", "-subj", `/CN=${UPSTREAM_NAME}`]);
  writeFileSync(join(folder, "ext"), `subjectAltName=DNS:${UPSTREAM_NAME}\n`);
  const authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
  openssl([
    "x509",
    "-req",
    "-in",
    "tls.csr",
    ...authority,
    "-days",
    "2",
    "-out",
    "tls.pem",
    "-extfile",
    "ext",
  ]);
  const read = (name: string) => readFileSync(join(folder, name));
  const server = createServer({ key: read("tls.key"), cert: read("tls.pem") }, (request, answer) => {
    request.resume();
    answer.setHeader("content-type", "application/json");
    const message = { role: "assistant", content: "from behind TLS" };
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    answer.end(JSON.stringify({ id: "x", object: "chat.completion", created: 1, model: "m", choices }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const authorityCertificate = read("ca.pem");
  rmSync(folder, { recursive: true });
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    authorityCertificate,
    close: () => server.close(),
  };
}

before(makeRoot);
after(() => rmSync(root, { recursive: true }));

test(`${architecture}: starts through the wrapper, answers and streams, with no musl in the process`, async () => {
  const daemon = await serve(["--no-config"]);
  try {
    const health = await ask(daemon.port, "/health");
    equal(health.status, 200, health.body);
    const answer = await askStream(daemon.port);
    match(answer.body, /data: \[DONE\]\s*$/);
    const maps = readFileSync(`/proc/${daemon.pid}/maps`, "utf8");
    doesNotMatch(maps, /musl|libsetlbf|\/lib\/libc\.so$/m);
    match(maps, /\/usr\/lib\/sluice\/libc\.so\.6/);
    match(maps, /\/usr\/lib\/sluice\/uws\.node/);
    const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
    match(status, new RegExp(`^Uid:\\s+${USER}\\s`, "m"));
    match(status, new RegExp(`^Gid:\\s+${USER}\\s`, "m"));
    equal(await daemon.stop(), 0, daemon.output());
  } finally {
    daemon.kill();
  }
});

test(`${architecture}: the wrapper drops LD_PRELOAD and hands settings over`, () => {
  const program = inside("usr/lib/sluice/sluice");
  renameSync(program, `${program}.kept`);
  writeFileSync(program, '#!/bin/sh\necho "preload=$LD_PRELOAD heap=$NODE_OPTIONS args=$*"\n', {
    mode: 0o755,
  });
  try {
    const wrapped = inRoot(root, USER, ["/usr/bin/sluice", "NODE_OPTIONS=--a --b", "TZ=x", "serve", "A=b"]);
    const [command = "", ...args] = wrapped;
    const env = { PATH: process.env["PATH"] ?? "", LD_PRELOAD: `/lib/${PRELOADED}` };
    const text = execFileSync(command, args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "ignore"] });
    equal(text, "preload= heap=--a --b args=serve A=b\n");
  } finally {
    renameSync(`${program}.kept`, program);
  }
});

test(`${architecture}: resolves a name with only /etc/resolv.conf, and takes the given authority`, async (t) => {
  const names = await startNameServer();
  t.after(() => names.close());
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  mkdirSync(inside("etc/sluice"), { recursive: true });
  writeFileSync(inside("etc/sluice/ca.pem"), upstream.authorityCertificate);
  const config = `[auth]
anonymous = "any"
[provider.up]
protocol = "openai"
base_url = "https://${UPSTREAM_NAME}:${upstream.port}/v1"
api_key = "test"
ca_file = "/etc/sluice/ca.pem"
[provider.distrusted]
protocol = "openai"
base_url = "https://${UPSTREAM_NAME}:${upstream.port}/v1"
api_key = "test"
[model]
up = [{ provider = "up", model = "m" }]
distrusted = [{ provider = "distrusted", model = "m" }]
`;
  writeFileSync(inside("etc/sluice/test.toml"), config);
  chownSync(inside("etc/sluice/test.toml"), USER, USER);
  const daemon = await serve(["--config", "/etc/sluice/test.toml"]);
  try {
    const call = (model: string) =>
      ask(
        daemon.port,
        "/v1/chat/completions",
        JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
      );
    const answer = await call("up");
    equal(answer.status, 200, `${answer.body}\n${daemon.output()}`);
    match(answer.body, /from behind TLS/);
    equal(names.names.includes(UPSTREAM_NAME), true, "the stub name server was asked");
    const refused = await call("distrusted");
    equal(refused.status >= 500, true, refused.body);
    match(`${refused.body}${daemon.output()}`, /certificate|authority|issuer/i);
  } finally {
    daemon.kill();
  }
});
