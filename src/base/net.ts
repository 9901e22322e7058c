/** IP addresses: read in every notation, written in one, matched against prefixes, and told apart by where they can be reached from. */

/** 4 bytes (IPv4, v4-mapped addresses too) or 16 bytes (IPv6). */
export type AddressBytes = Uint8Array;

export interface Cidr {
  readonly bytes: AddressBytes;
  /** Prefix length in bits, counted in the length of `bytes`. */
  readonly bits: number;
}

/** Where a peer stands, as `[admin] allow` and `[auth] anonymous` see it. */
export type PeerScope = "loopback" | "lan" | "remote";

/** What `os.networkInterfaces()` returns, as far as it is read here. */
export type Interfaces = Readonly<
  Record<
    string,
    readonly { readonly family: string; readonly address: string; readonly cidr: string | null }[] | undefined
  >
>;

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Reads an IPv4 address in dotted decimal or an IPv6 address (brackets and a zone are dropped); null for anything
 * else. A v4-mapped address comes back as IPv4, so that one peer has one spelling.
 */
export function parseAddress(text: string): AddressBytes | null {
  let literal = text;
  if (literal.startsWith("[") && literal.endsWith("]")) literal = literal.slice(1, -1);
  if (!literal.includes(":")) return parseDotted(literal);
  const zone = literal.indexOf("%");
  const bytes = parseIPv6(zone === -1 ? literal : literal.slice(0, zone));
  return bytes === null ? null : unmap(bytes);
}

/** The canonical text: dotted decimal, or RFC 5952 (lower case, longest run of zeros shortened, v4-mapped as IPv4). */
export function formatAddress(bytes: AddressBytes): string {
  const plain = unmap(bytes);
  if (plain.length === 4) return `${plain[0]}.${plain[1]}.${plain[2]}.${plain[3]}`;
  if (plain.length !== 16) return "";
  return formatIPv6(plain);
}

/** One spelling for one address; "" when `text` is no address. */
export function normalizeAddress(text: string): string {
  const bytes = parseAddress(text);
  return bytes === null ? "" : formatAddress(bytes);
}

/** Reads `192.168.0.0/16`, `fd00::/8`, or a bare address (its whole length); null when it is neither. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf("/");
  const literal = slash === -1 ? text : text.slice(0, slash);
  const bytes = parseAddress(literal);
  if (bytes === null) return null;
  const width = bytes.length * 8;
  if (slash === -1) return { bytes, bits: width };
  const digits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits)) return null;
  // `::ffff:10.0.0.0/104` speaks of the 128-bit form.
  const bits = Number(digits) - (literal.includes(":") && bytes.length === 4 ? 96 : 0);
  return bits < 0 || bits > width ? null : { bytes, bits };
}

/** True when the address lies inside the prefix. Families never match each other. */
export function matchesCidr(cidr: Cidr, address: AddressBytes): boolean {
  if (cidr.bytes.length !== address.length) return false;
  const whole = cidr.bits >> 3;
  for (let i = 0; i < whole; i++) if (cidr.bytes[i] !== address[i]) return false;
  const rest = cidr.bits & 7;
  if (rest === 0) return true;
  const mask = 0xff00 >> rest;
  return (((cidr.bytes[whole] ?? 0) ^ (address[whole] ?? 0)) & mask & 0xff) === 0;
}

function cidrs(...texts: string[]): readonly Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === null) throw new Error(`not a prefix: ${text}`);
    return cidr;
  });
}

const LOOPBACK = cidrs("127.0.0.0/8", "::1/128");
/** RFC 1918, shared space (RFC 6598), link-local, unique local. */
const LAN = cidrs(
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "fe80::/10",
  "fc00::/7",
);
/** Never a public host: "this network", protocol assignments, benchmarks, multicast, reserved, the unspecified address, site-local. */
const SPECIAL = cidrs(
  "0.0.0.0/8",
  "192.0.0.0/24",
  "198.18.0.0/15",
  "224.0.0.0/3",
  "::/128",
  "fec0::/10",
  "ff00::/8",
);
/** IPv6 prefixes that carry an IPv4 address, and the byte where it starts (RFC 6052, RFC 3056, RFC 4291). */
const EMBEDDED: readonly { readonly cidr: Cidr; readonly at: number }[] = [
  { cidr: { bytes: new Uint8Array(16), bits: 96 }, at: 12 },
  ...cidrs("64:ff9b::/96", "64:ff9b:1::/96").map((cidr) => ({ cidr, at: 12 })),
  ...cidrs("2002::/16").map((cidr) => ({ cidr, at: 2 })),
];

/** Loopback, LAN (private, link-local, or inside one of the on-link prefixes) or neither. */
export function classifyAddress(address: AddressBytes, onLink: readonly Cidr[]): PeerScope {
  if (LOOPBACK.some((cidr) => matchesCidr(cidr, address))) return "loopback";
  if (LAN.some((cidr) => matchesCidr(cidr, address))) return "lan";
  if (onLink.some((cidr) => matchesCidr(cidr, address))) return "lan";
  return "remote";
}

/** The IPv6 prefixes on the link of the named interfaces (all when none is named): global addresses of the LAN. */
export function readOnLinkPrefixes(interfaces: Interfaces, names: readonly string[]): Cidr[] {
  const prefixes: Cidr[] = [];
  for (const [name, addresses] of Object.entries(interfaces)) {
    if (names.length > 0 && !names.includes(name)) continue;
    for (const { cidr } of addresses ?? []) {
      const parsed = cidr === null ? null : parseCidr(cidr);
      // A /128 is the host itself and a prefix shorter than /48 is no single link.
      if (parsed?.bytes.length === 16 && parsed.bits >= 48 && parsed.bits < 128) prefixes.push(parsed);
    }
  }
  return prefixes;
}

/** The device's own addresses, in canonical text. */
export function readOwnAddresses(interfaces: Interfaces): Set<string> {
  const own = new Set<string>();
  for (const addresses of Object.values(interfaces)) {
    for (const { address } of addresses ?? []) own.add(normalizeAddress(address));
  }
  return own;
}

/**
 * True for a host that must not be reached on behalf of a request: loopback, private, link-local and special
 * addresses in every notation that resolvers take (`127.1`, `0x7f000001`, `017700000001`, `[::ffff:10.0.0.1]`, NAT64
 * and 6to4 forms), and `localhost`. Other names are false: resolve them first.
 */
export function isPrivateAddress(host: string): boolean {
  const name = host.trim().toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  const bytes = parseAddress(name) ?? parseLooseIPv4(name);
  return bytes !== null && isPrivateBytes(bytes);
}

function isPrivateBytes(bytes: AddressBytes): boolean {
  if (classifyAddress(bytes, []) !== "remote") return true;
  if (SPECIAL.some((cidr) => matchesCidr(cidr, bytes))) return true;
  return EMBEDDED.some(
    ({ cidr, at }) => matchesCidr(cidr, bytes) && isPrivateBytes(bytes.subarray(at, at + 4)),
  );
}

function parseDotted(text: string): AddressBytes | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = parts[i] ?? "";
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    bytes[i] = Number(part);
  }
  return bytes;
}

/** The forms of inet_aton(3): one to four parts, each decimal, octal or hexadecimal, the last one filling what is left. */
function parseLooseIPv4(text: string): AddressBytes | null {
  const parts = text.split(".");
  if (parts.length > 4) return null;
  const numbers: number[] = [];
  for (const part of parts) {
    if (/^0x[0-9a-f]{1,12}$/.test(part)) numbers.push(Number.parseInt(part.slice(2), 16));
    else if (/^0[0-7]{1,16}$/.test(part)) numbers.push(Number.parseInt(part, 8));
    else if (/^(0|[1-9]\d{0,12})$/.test(part)) numbers.push(Number(part));
    else return null;
  }
  const last = numbers.pop() ?? 0;
  const room = 4 - numbers.length;
  if (last >= 256 ** room || numbers.some((number) => number > 255)) return null;
  const bytes = new Uint8Array(4);
  bytes.set(numbers);
  for (let i = 0, rest = last; i < room; i++, rest = Math.floor(rest / 256)) bytes[3 - i] = rest % 256;
  return bytes;
}

function parseIPv6(text: string): AddressBytes | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "", true) : [];
  if (head === null || tail === null) return null;
  const gap = 16 - head.length - tail.length;
  if (halves.length === 1 ? gap !== 0 : gap < 2) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function parseGroups(text: string, dottedAllowed: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (group.includes(".")) {
      const dotted = dottedAllowed && index === groups.length - 1 ? parseDotted(group) : null;
      if (dotted === null) return null;
      bytes.push(...dotted);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length > 16 ? null : bytes;
}

function unmap(bytes: AddressBytes): AddressBytes {
  if (bytes.length !== 16) return bytes;
  for (let i = 0; i < 12; i++) if (bytes[i] !== MAPPED[i]) return bytes;
  return bytes.subarray(12);
}

function formatIPv6(bytes: AddressBytes): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  let start = -1;
  let length = 1; // RFC 5952 4.2.2: a single zero group is not shortened.
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) {
      start = i;
      length = run;
    }
    i += run;
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return start === -1 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}
