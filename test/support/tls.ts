/** Certificates for tests, made in memory: an authority of one's own, and leaves that are good, expired, early or of another host. */
import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { isIP } from "node:net";

export interface Authority {
  readonly name: string;
  /** PEM. */
  readonly cert: string;
  readonly key: KeyObject;
}

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface CertificateOptions {
  /** Host names and IP literals of the certificate. Default: localhost, 127.0.0.1, ::1. */
  readonly hosts?: readonly string[];
  /** Milliseconds since 1970. Default: yesterday. */
  readonly notBefore?: number;
  /** Default: in ten years. */
  readonly notAfter?: number;
}

const DAY_MS = 86_400_000;
const ECDSA_SHA256 = sequence(objectId([1, 2, 840, 10045, 4, 3, 2]));

/** A certificate authority nobody knows. */
export function createAuthority(name = "sluice test CA"): Authority {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions = [
    extension([2, 5, 29, 19], true, sequence(Buffer.from([1, 1, 0xff]))), // basicConstraints: a CA
    extension([2, 5, 29, 15], true, bitString(Buffer.from([0x06]), 1)), // keyUsage: keyCertSign, cRLSign
  ];
  const cert = sign(name, name, publicKey, privateKey, {}, extensions);
  return { name, cert, key: privateKey };
}

/** A server certificate signed by `authority`. */
export function createCertificate(authority: Authority, options: CertificateOptions = {}): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const hosts = options.hosts ?? ["localhost", "127.0.0.1", "::1"];
  const cert = sign(hosts[0] ?? "", authority.name, publicKey, authority.key, options, [altNames(hosts)]);
  return { cert, key: pem(privateKey) };
}

/** A server certificate that vouches for itself. */
export function createSelfSigned(options: CertificateOptions = {}): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const hosts = options.hosts ?? ["localhost", "127.0.0.1", "::1"];
  const name = hosts[0] ?? "";
  return { cert: sign(name, name, publicKey, privateKey, options, [altNames(hosts)]), key: pem(privateKey) };
}

function sign(
  subject: string,
  issuer: string,
  publicKey: KeyObject,
  signer: KeyObject,
  options: CertificateOptions,
  extensions: readonly Buffer[],
): string {
  const now = Date.now();
  const body = sequence(
    tagged(0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    commonName(issuer),
    sequence(time(options.notBefore ?? now - DAY_MS), time(options.notAfter ?? now + 3650 * DAY_MS)),
    commonName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    tagged(3, sequence(...extensions)),
  );
  const signature = createSign("sha256").update(body).sign(signer);
  const whole = sequence(body, ECDSA_SHA256, bitString(signature, 0)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${whole.match(/.{1,64}/g)?.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function altNames(hosts: readonly string[]): Buffer {
  const names = hosts.map((host) => {
    if (isIP(host) === 0) return der(0x82, Buffer.from(host));
    return der(0x87, isIP(host) === 4 ? Buffer.from(host.split(".").map(Number)) : ipv6Bytes(host));
  });
  return extension([2, 5, 29, 17], false, sequence(...names));
}

function ipv6Bytes(address: string): Buffer {
  const [front = "", back] = address.split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const head = groups(front);
  const tail = groups(back ?? "");
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function commonName(name: string): Buffer {
  const attribute = sequence(objectId([2, 5, 4, 3]), der(0x0c, Buffer.from(name)));
  return sequence(der(0x31, attribute));
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return der(0x18, Buffer.from(`${digits}Z`));
}

function extension(id: readonly number[], critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [Buffer.from([1, 1, 0xff])] : [];
  return sequence(objectId(id), ...flag, der(0x04, value));
}

function objectId([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function bitString(bytes: Buffer, unusedBits: number): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([unusedBits]), bytes]));
}

function tagged(number: number, content: Buffer): Buffer {
  return der(0xa0 | number, content);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

/** Tag, length, content (X.690, DER). */
function der(tag: number, content: Buffer): Buffer {
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
