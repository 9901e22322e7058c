import { deepEqual, equal, match, notEqual, ok, throws } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { apkName, makeApk, makeApkIndex, packApkFiles } from "../../build/apk.mjs";
import { gzip } from "../../build/gzip.mjs";
import { ipkName, makeIpk, makePackagesIndex, type Package, packIpkFiles } from "../../build/ipk.mjs";
import { withFolders, writeTar } from "../../build/tar.mjs";
import { makeUsignKey, usignPublicKey, usignSign, usignVerify } from "../../build/usign.mjs";
import { readApk, readApkIndex } from "../package/support/apk-reader.ts";

const demo: Package = {
  name: "demo",
  version: "1.2.3-r1",
  architecture: "x86_64",
  description: "A demo\nof two lines",
  section: "net",
  license: "Apache-2.0",
  maintainer: "Somebody",
  depends: ["zlib", "abc"],
  user: "demo=900:demo=900",
  conffiles: ["/etc/config/demo"],
  time: 1_700_000_000,
  entries: [
    {
      path: "usr/bin/demo",
      type: "file",
      mode: 0o755,
      content: Buffer.from(`#!/bin/sh\n${"echo hi\n".repeat(20_000)}`),
    },
    { path: "etc/config/demo", type: "file", mode: 0o600, content: Buffer.from("x") },
    { path: "etc/empty", type: "file", mode: 0o644, content: Buffer.alloc(0) },
    { path: "usr/lib/demo", type: "link", target: "../bin/demo" },
  ],
};

/** What the tar of the system makes of an archive. */
function listTar(archive: Buffer): string[] {
  const result = spawnSync("tar", ["-tvf", "-", "--numeric-owner", "--utc"], {
    input: archive,
    encoding: "utf8",
  });
  equal(result.stderr, "");
  return result.stdout.trim().split("\n");
}

describe("tar", () => {
  test("parents come before what is in them, all owned by 0:0 with one date", () => {
    const list = listTar(writeTar(withFolders(demo.entries), { time: demo.time, prefix: "./" }));
    deepEqual(
      list.map((line) => line.replace(/ +\d+ 2023-11-14 22:13 /, " ")),
      [
        "drwxr-xr-x 0/0 ./etc/",
        "drwxr-xr-x 0/0 ./etc/config/",
        "-rw------- 0/0 ./etc/config/demo",
        "-rw-r--r-- 0/0 ./etc/empty",
        "drwxr-xr-x 0/0 ./usr/",
        "drwxr-xr-x 0/0 ./usr/bin/",
        "-rwxr-xr-x 0/0 ./usr/bin/demo",
        "drwxr-xr-x 0/0 ./usr/lib/",
        "lrwxrwxrwx 0/0 ./usr/lib/demo -> ../bin/demo",
      ],
    );
  });

  test("a name that does not fit is refused, never cut", () => {
    const entry = { path: "a".repeat(101), type: "folder", mode: 0o755 } as const;
    throws(() => writeTar([entry], { time: 0 }), /too long/);
  });

  test("gzip holds no date and no name", () => {
    const packed = gzip(Buffer.from("text"));
    equal(packed.readUInt32LE(4), 0);
    equal(packed[3], 0);
    equal(gunzipSync(packed).toString(), "text");
  });
});

describe("ipk", () => {
  test("is the same bytes each time, and other bytes for other content", () => {
    const make = (item: Package) => makeIpk(item, packIpkFiles(item)).ipk;
    ok(make(demo).equals(make(demo)));
    ok(!make(demo).equals(make({ ...demo, version: "1.2.4-r1" })));
  });

  test("the index puts its fields before the description and keeps its continuation lines", () => {
    const made = { fileName: ipkName(demo), ...makeIpk(demo, packIpkFiles(demo)) };
    const index = makePackagesIndex([made]);
    match(
      index,
      /\nFilename: demo_1\.2\.3-r1_x86_64\.ipk\nSize: \d+\nSHA256sum: [0-9a-f]{64}\nDescription: A demo\n of two lines\n\n$/,
    );
    match(index, /^Package: demo\nVersion: 1\.2\.3-r1\nDepends: zlib, abc\n/);
    match(index, /\nInstalled-Size: 160011\n/);
  });
});

describe("usign", () => {
  const key = makeUsignKey();
  const message = Buffer.from("the index");

  test("a signature is right for its message and key only", () => {
    const signature = usignSign(key.secret, message);
    ok(usignVerify(key.public, signature, message));
    ok(!usignVerify(key.public, signature, Buffer.from("the indeX")));
    ok(!usignVerify(makeUsignKey().public, signature, message));
  });

  test("the public key can be had from the secret one", () => {
    deepEqual(usignPublicKey(key.secret), { public: key.public, number: key.number });
  });

  test("a file of another kind is refused", () => {
    throws(() => usignSign(key.public, message), /not a usign file/);
    throws(() => usignVerify(key.public, "rubbish", message), /not a usign file/);
  });

  test("has the layout of signify: algorithm, number, key", () => {
    const [comment, encoded] = key.public.split("\n");
    match(comment ?? "", /^untrusted comment: /);
    const raw = Buffer.from(encoded ?? "", "base64");
    equal(raw.length, 42);
    equal(raw.toString("latin1", 0, 2), "Ed");
    equal(raw.toString("hex", 2, 10), key.number);
    equal(Buffer.from(key.secret.split("\n")[1] ?? "", "base64").length, 104);
  });
});

describe("apk", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const publicKey = createPublicKey(privateKey);
  const made = makeApk(demo, packApkFiles(demo), privateKey);
  const apk = readApk(made.apk);

  test("an independent reader finds the same files, links and scripts", () => {
    equal(apkName(demo), "demo-1.2.3-r1.apk");
    equal(apk.info.name, "demo");
    deepEqual(apk.info.depends, ["abc", "zlib"]);
    const contents = new Map(apk.files.map((file) => [file.path, file]));
    for (const entry of demo.entries) {
      const file = contents.get(entry.path);
      ok(file, entry.path);
      if (entry.type !== "file") continue;
      ok(file.content.equals(entry.content), entry.path);
      equal(file.mode, entry.mode);
      equal(file.owner, "root:root");
    }
    equal(
      contents.get("lib/apk/packages/demo.list")?.content.toString(),
      "/etc/config/demo\n/etc/empty\n/lib/apk/packages/demo.rusers\n/usr/bin/demo\n/usr/lib/demo\n",
    );
    match(apk.scripts["postInstall"] ?? "", /add_group_and_user/);
    match(apk.scripts["postUpgrade"] ?? "", /PKG_UPGRADE=1/);
  });

  test("its id is the hash of its description with the id left out", () => {
    equal(apk.info.hash, apk.uniqueId);
  });

  test("the signature is right for its key only; an unsigned package has none", () => {
    ok(apk.verify(publicKey));
    ok(!apk.verify(createPublicKey(generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey)));
    ok(!readApk(makeApk(demo, packApkFiles(demo)).apk).verify(publicKey));
  });

  test("all but the random signature is the same bytes each time", () => {
    ok(makeApk(demo, packApkFiles(demo)).apk.equals(makeApk(demo, packApkFiles(demo)).apk));
    notEqual(makeApk(demo, packApkFiles(demo), privateKey).apk.toString("hex"), made.apk.toString("hex"));
  });

  test("the index names the package by its hash and size", () => {
    const index = readApkIndex(makeApkIndex([made.indexEntry], { description: "test", privateKey }));
    ok(index.verify(publicKey));
    equal(index.packages[0]?.fileSize, made.apk.length);
    equal(index.packages[0]?.hash, apk.payloadHash.slice(0, 40));
  });
});
