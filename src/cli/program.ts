/** The command line as a table: every command, its options and its help. Each command's code is loaded when it runs. */
import { Command, CommanderError, Option } from "commander";
import { Exit, FAILED, reasonOf, WRONG_USAGE } from "./exit.ts";
import { printError } from "./terminal.ts";

/** Runs one command and sets the process's exit status. */
export async function run(argv: readonly string[]): Promise<void> {
  // The reader of a pipe may leave early (`sluice status | head`).
  process.stdout.on("error", () => process.exit(0));
  const args = argv[0] === "--version" || argv[0] === "-V" ? ["version"] : [...argv];
  try {
    await buildProgram().parseAsync(args, { from: "user" });
  } catch (thrown) {
    process.exitCode = report(thrown);
  }
}

function report(thrown: unknown): number {
  if (thrown instanceof CommanderError) {
    // Help that was asked for ends with 0; help instead of a command, and mistakes, are wrong usage.
    return thrown.exitCode === 0 ? 0 : WRONG_USAGE;
  }
  if (thrown instanceof Exit) {
    for (const line of thrown.lines) printError(line);
    return thrown.code;
  }
  printError(`sluice: ${reasonOf(thrown)}`);
  return FAILED;
}

function buildProgram(): Command {
  const program = new Command("sluice")
    .description("LLM gateway for the edge: one address for all providers")
    .option("-V, --version", "the same as the command version")
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(
          `sluice: ${text
            .trim()
            .replace(/^error: /, "")
            .replaceAll(/\s*\n\s*/g, " ")}\n`,
        ),
    })
    .addHelpText("after", "\nMore on one command: sluice COMMAND --help");

  addConfigOptions(define(program, "serve", "run the gateway", SERVE_EXAMPLES))
    .option(
      "--no-config",
      "built-in default, whatever files exist: providers found by their variables, and demo",
    )
    .option("-v, --verbose", "log more: -v debug, -vv trace", (_, count: number) => count + 1, 0)
    .option("--host <address>", "one exact address to listen on, instead of server.host")
    .option("--port <number>", "port to listen on, instead of server.port; 0 = any free one")
    .option("--drain-timeout <duration>", "how long running answers may take at the end, e.g. 30s")
    .addOption(
      new Option("--log-format <format>", "instead of log.format").choices(["auto", "pretty", "json"]),
    )
    .action(async (options) => (await import("./serve.ts")).serve(options));

  addConfigOptions(
    define(program, "validate", "check a configuration and say what is in it", VALIDATE_EXAMPLES),
  ).action(async (options) => (await import("./validate.ts")).validate(options));

  define(program, "init", "write a commented configuration to start from", INIT_EXAMPLES)
    .option("-c, --config <path>", "the file to write; never overwritten", "config.toml")
    .action(async (options) => (await import("./init.ts")).init(options.config));

  addAddressOptions(
    define(program, "status", "show targets, totals and memory of the running gateway", STATUS_EXAMPLES),
  )
    .option("--json", "the whole answer of /status")
    .option("--watch", "again every two seconds")
    .action(async (options) => (await import("./status.ts")).status(options));

  const provider = define(
    program,
    "provider",
    "list providers, take them out, bring them back",
    PROVIDER_EXAMPLES,
  );
  addAddressOptions(provider.command("list").description("providers of the running gateway")).action(
    async (options) => (await import("./provider.ts")).listProviders(options),
  );
  for (const [action, description] of PROVIDER_ACTIONS) {
    addAddressOptions(
      provider.command(action).description(description).argument("<name>", "the provider's name"),
    ).action(async (name, options) => (await import("./provider.ts")).switchProvider(name, action, options));
  }

  addAddressOptions(
    define(program, "reload", "have the running gateway read its configuration again", RELOAD_EXAMPLES),
  ).action(async (options) => (await import("./reload.ts")).reload(options));

  addConfigOptions(
    define(program, "stop", "stop the running gateway and wait until its answers are out", STOP_EXAMPLES),
  )
    .option("--port <number>", "the gateway on this port, where several run")
    .action(async (options) => (await import("./stop.ts")).stop(options));

  addAddressOptions(
    define(
      program,
      "healthcheck",
      "exit 0 when the gateway answers, else 1: for containers",
      HEALTH_EXAMPLES,
    ),
  ).action(async (options) => (await import("./healthcheck.ts")).healthcheck(options));

  define(program, "version", "version, commit, Node and HTTP engine", [["sluice version"]]).action(async () =>
    (await import("./version.ts")).version(),
  );

  return program;
}

/** Command lines and what they do. */
type Examples = readonly (readonly [string, string?])[];

function define(program: Command, name: string, description: string, examples: Examples): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what = ""]) => `  ${line.padEnd(width)}  ${what}`.trimEnd());
  return program
    .command(name)
    .description(description)
    .addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

function addConfigOptions(command: Command): Command {
  return command
    .option("-c, --config <path>", "configuration file")
    .option("--env-file <path>", "variables from a file of KEY=VALUE lines; what is set stays")
    .option("--env-dir <path>", "variables from a folder, one file each (mounted secrets)");
}

function addAddressOptions(command: Command): Command {
  return addConfigOptions(command)
    .option(
      "--url <url>",
      "where the gateway is, e.g. http://192.168.1.1:4000; found by itself on its own machine",
    )
    .option("--token <token>", "the administrator's token, instead of admin.token of the configuration");
}

const PROVIDER_ACTIONS = [
  ["offline", "send nothing to it any more"],
  ["online", "use it again"],
  ["reset", "forget its failures, cooldowns and circuits"],
] as const;

const SERVE_EXAMPLES: Examples = [
  ["sluice serve --no-config", "with nothing set up"],
  ["sluice serve -c /etc/sluice/config.toml"],
  ["sluice serve --host 127.0.0.1 --port 8080 -v"],
  ["sluice serve --env-dir /run/secrets", "keys from mounted files"],
];
const VALIDATE_EXAMPLES: Examples = [
  ["sluice validate", "the file that serve would use"],
  ["sluice validate -c new.toml --env-file keys.env"],
];
const INIT_EXAMPLES: Examples = [["sluice init"], ["sluice init -c /etc/sluice/config.toml"]];
const STATUS_EXAMPLES: Examples = [
  ["sluice status"],
  ["sluice status --watch"],
  ["sluice status --json --url http://192.168.1.1:4000 --token SECRET"],
];
const PROVIDER_EXAMPLES: Examples = [
  ["sluice provider list"],
  ["sluice provider offline openai", "until online or the next start"],
  ["sluice provider online openai"],
  ["sluice provider reset openai"],
];
const RELOAD_EXAMPLES: Examples = [["sluice reload"], ["sluice reload --url http://192.168.1.1:4000"]];
const STOP_EXAMPLES: Examples = [["sluice stop"], ["sluice stop --port 8080"]];
const HEALTH_EXAMPLES: Examples = [
  ["sluice healthcheck"],
  ["sluice healthcheck --url http://127.0.0.1:4000"],
];
